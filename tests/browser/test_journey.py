"""From a preference to an explanation, by keyboard alone: compose, use, ask, vote blind, see who it was, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ComparePage, watch
from tests.running_app import running_app
from tests.tiny_models import tiny_llama

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SLOW_MS = 200_000  # the embedded model writes two answers
MOST_TABS = 120
FOCUSED = "() => { const one = document.activeElement; return [one.id, one.getAttribute('aria-label'), one.innerText] }"


class Keyboard:
    """A visitor without a mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def focused(self) -> list[str]:
        """Return what the focus is on: its id, its label and its text."""
        return [(part or "").strip() for part in self.page.evaluate(FOCUSED)]

    def go(self, is_there: Callable[[list[str]], bool], key: str = "Tab") -> None:
        """Walk through the page until the focus is where it should be."""
        seen = []
        for _ in range(MOST_TABS):
            self.press(key)
            if is_there(here := self.focused()):
                return
            seen.append(here)
        raise AssertionError(f"not reached by {key}: {seen}")

    def go_to_text(self, text: str, key: str = "Tab") -> None:
        self.go(lambda focused: text in focused[1:], key)

    def open_tab(self, name: str, towards: str = "Shift+Tab") -> None:
        """Open a tab of the page; on a phone it may be in the menu of those that have no room."""
        self.go(lambda focused: focused[0] == "compare-tab-button", towards)
        for _ in range(8):
            if self.focused()[2] == name:
                break
            if self.focused()[1] == "More tabs":
                self.press("Enter")
            self.press("Tab")
        assert self.focused()[2] == name
        self.press("Enter")


@pytest.mark.parametrize(
    ("model", "width"),
    [
        pytest.param("tiny", 390, id="phone"),
        pytest.param("embedded", 1280, id="desk", marks=[pytest.mark.real_model, pytest.mark.proof]),
    ],
)
@pytest.mark.timeout(900)
def test_the_whole_way_by_keyboard_alone(
    request: pytest.FixtureRequest, chromium: Browser, tmp_path: Path, picture_folder: Path, model: str, width: int
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if model == "tiny":
        spec = f"path:{tiny_llama(tmp_path / 'base')}"
    else:
        spec = "embedded:smollm2"
        (home / "models").symlink_to(request.getfixturevalue("embedded_models_dir"))
    context = chromium.new_context(locale="en-US", viewport={"width": width, "height": 900})

    def picture(name: str) -> None:
        page.wait_for_timeout(300)
        page.screenshot(path=picture_folder / f"journey-{width}-{name}.png", full_page=True)

    with running_app(home, model=spec) as app:
        page = context.new_page()
        complaints = watch(page)
        compare, keys = ComparePage(page, app.url).open(), Keyboard(page)

        keys.go(lambda focused: focused[1] == "Model")
        keys.press("Tab")
        expect(page.locator("ul.options")).to_have_count(0)  # a list of choices closes behind whoever leaves it
        keys.open_tab("Compose")
        compose_persona(page, keys)
        picture("composed")

        keys.go(lambda focused: focused[0] == "use-a", "Shift+Tab")
        keys.press("Enter")
        expect(page.get_by_text("Column A has this message now.")).to_be_visible()
        keys.go_to_text("Open Compare")
        keys.press("Enter")
        assert compare.system("A").evaluate("box => box.clientHeight") > 200  # a long message shows more than two lines
        ask_blind(compare, keys)
        assert_nameless(compare)
        picture("blind")

        keys.go_to_text("1 is better")
        keys.press("Enter")
        expect(page.locator("#vote")).to_contain_text("They are known now", timeout=SLOW_MS)
        picture("revealed")

        keys.open_tab("Leaderboard")
        expect(page.locator("#leaderboard")).to_contain_text("A score appears after 10 votes", timeout=SLOW_MS)
        picture("leaderboard")

        keys.open_tab("Compare")
        keys.go_to_text("Where does the system message speak?")
        keys.press("Enter")
        expect(compare.page.locator(".influenced:visible").first).to_be_visible(timeout=SLOW_MS)
        picture("influence")
        assert complaints == []
    context.close()


def compose_persona(page: Page, keys: Keyboard) -> None:
    """Take one preference a dimension in the tree, and keep them as a persona."""
    keys.go(lambda focused: focused[2].startswith("How should it sound?"))
    for _ in range(4):
        keys.press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", " ")
        keys.press("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowDown")
    expect(page.locator("#picks [data-key]")).to_have_count(4)
    expect(page.locator("#edited")).not_to_contain_text("Edited")
    keys.go(lambda focused: "Name" in focused[1:] or page.evaluate("document.activeElement.placeholder") == NAME)
    page.keyboard.type("My reader")
    keys.press("Enter")
    expect(page.get_by_text("My reader", exact=True).first).to_be_visible()


NAME = "Name these preferences"


def ask_blind(compare: ComparePage, keys: Keyboard) -> None:
    """Hide which is which, ask, and wait for both answers."""
    page = compare.page
    expect(compare.prompt).to_be_visible()
    keys.go(lambda _: page.evaluate("document.activeElement.tagName") == "TEXTAREA" and is_prompt(page))
    page.keyboard.type("Why do cats purr?")
    keys.go(lambda _: page.evaluate("document.activeElement.type") == "checkbox")
    keys.press(" ")
    expect(page.get_by_label("Hide which is which until I vote")).to_be_checked()
    keys.go(lambda _: is_prompt(page), "Shift+Tab")
    keys.press("Control+Enter")
    expect(page.get_by_role("button", name="1 is better")).to_be_visible(timeout=SLOW_MS)


def is_prompt(page: Page) -> bool:
    return bool(page.evaluate("(document.activeElement.placeholder || '').startsWith('Your question goes')"))


def assert_nameless(compare: ComparePage) -> None:
    expect(compare.page.get_by_text("tokens/s")).to_have_count(0)
    expect(compare.column("A").get_by_label("How should the assistant behave?")).to_be_hidden()
