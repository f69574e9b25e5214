"""Best of several: one column answers several times, and a reward model that was trained here chooses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import ComparePage, watch
from tests.janus_space.test_rewards import reward_run
from tests.running_app import running_app
from tests.tiny_models import tiny_llama

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]

LONG_MS = 120_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    reward_run(home, tiny_llama(tmp_path_factory.mktemp("tiny") / "llama"))
    return home


@pytest.fixture(scope="module")
def app_url(home: Path) -> Iterator[str]:
    with running_app(home) as app:
        yield app.url


def test_the_best_of_three_is_shown_and_the_others_are_folded_up(
    context: BrowserContext, app_url: str, picture_folder: Path
) -> None:
    page = context.new_page()
    complaints = watch(page)
    compare = ComparePage(page, app_url).open()
    compare.system("A").fill("Answer like a pirate.")
    compare.system("B").fill("Be brief.")
    compare.ask("Why is the sky blue?")
    compare.wait_until_finished()
    compare.unfold("Best of several")
    drawer = page.locator("#best-of")
    expect(drawer.locator("#best-of-judge input")).to_have_value("judge, trained here")
    drawer.locator("#best-of-column").get_by_text("B", exact=True).click()
    drawer.locator("#best-of-count input[type=number]").fill("3")
    drawer.locator("#best-of-count input[type=number]").blur()
    drawer.get_by_role("button", name="Answer and choose").click()
    answers = page.locator("#best-of-answers")
    expect(answers).to_contain_text("The best of 3 answers of column B, as job:judge sees them", timeout=LONG_MS)
    expect(answers.locator(".best")).to_contain_text("I was told: Be brief.")
    expect(answers.get_by_text("The other 2, with their scores")).to_be_visible()
    expect(answers.locator(".others li").first).to_be_hidden()
    answers.get_by_text("The other 2, with their scores").click()
    expect(answers.locator(".others li")).to_have_count(2)
    page.evaluate("document.documentElement.style.scrollPaddingBottom = '260px'")
    drawer.scroll_into_view_if_needed()
    page.screenshot(path=picture_folder / "best-of.png", full_page=True)
    assert complaints == []
