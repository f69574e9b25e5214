"""Where the system message speaks, and the grid, as a visitor meets them: a tiny Llama answers in a real engine."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PATIENCE_MS, ComparePage, watch
from tests.browser.test_page import BASELINE_FILE, axe_findings
from tests.browser.test_scripts_in_texts import PAYLOADS, unharmed
from tests.running_app import RunningApp, running_app
from tests.security.attacker import TRIED
from tests.tiny_models import tiny_llama

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SLOW_MS = 60_000  # the engine's first start
ASK = "Where does the system message speak?"
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture(scope="module")
def tiny_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tiny_llama(tmp_path_factory.mktemp("tiny") / "base")
    with running_app(tmp_path_factory.mktemp("home"), model=f"path:{folder}") as app:
        yield app


@pytest.fixture
def tiny(context: BrowserContext, tiny_app: RunningApp) -> Iterator[ComparePage]:
    page = context.new_page()
    complaints = watch(page)
    yield ComparePage(page, tiny_app.url).open()
    assert complaints == []


def answer_example(compare: ComparePage) -> None:
    """Run the first example, a pirate beside a schoolteacher."""
    compare.page.locator("button.card").first.click()
    for letter in "AB":
        expect(compare.column(letter).locator(".status-line.done")).to_be_visible(timeout=SLOW_MS)
    expect(compare.page.locator("#run")).to_be_enabled(timeout=PATIENCE_MS)


def explain(compare: ComparePage, letter: str = "A") -> None:
    compare.column(letter).get_by_role("button", name=ASK).click()
    expect(compare.column(letter).locator(".influenced")).to_be_visible(timeout=PATIENCE_MS)


def fill_grid(page: Page) -> None:
    page.get_by_role("tab", name="Grid").click()
    page.get_by_role("button", name="Fill the grid").click()
    expect(page.locator("#grid-maps .verdict")).to_be_visible(timeout=SLOW_MS)


def test_words_are_shaded_and_a_chip_shows_one_part_alone(tiny: ComparePage) -> None:
    answer_example(tiny)
    explain(tiny)
    column = tiny.column("A")
    said = column.locator(".said")
    expect(said).to_contain_text("On average, the system message made each token")
    shades = "tokens => tokens.map(token => token.className).join()"
    before = column.locator(".influenced .token").evaluate_all(shades)
    assert re.search(r"(up|down) level-[123]", before)
    told = column.locator(".influenced .token.level-1").first.get_attribute("title") or ""
    assert re.fullmatch(r"\S+ times (more|less) likely", told)
    choices = column.get_by_role("radio")
    expect(choices).to_have_count(3)  # the whole message and its two sentences
    choices.first.focus()
    tiny.page.keyboard.press("ArrowRight")
    expect(said).to_have_text(re.compile("^(Followed|Ignored): "))
    assert column.locator(".influenced .token").evaluate_all(shades) != before
    expect(tiny.column("B").locator(".explained")).to_be_hidden()


def test_no_text_of_an_explained_message_becomes_a_script(tiny: ComparePage, canary: tuple[str, list[str]]) -> None:
    address, asked = canary
    fitting = PAYLOADS[:24]  # the tiny model reads no more
    attack = " ".join(fitting).replace("CANARY", address)  # one line: each sentence is one more reading of the answer
    tiny.system("A").fill(f"{attack} is who you are. Be brief.")
    tiny.ask("Why?")
    expect(tiny.column("A").locator(".status-line.done")).to_be_visible(timeout=SLOW_MS)
    expect(tiny.page.locator("#run")).to_be_enabled(timeout=PATIENCE_MS)
    tiny.column("A").get_by_role("button", name=ASK).click()
    explained = tiny.column("A").locator(".explained")
    expect(explained.locator(".influenced")).to_be_visible(timeout=SLOW_MS)
    expect(explained).to_contain_text("window.owned")
    assert explained.locator("img, script, iframe, svg, a").count() == 0
    TRIED["script"] += len(fitting)
    unharmed(tiny.page, asked)


def test_a_new_answer_takes_the_old_explanation_away(tiny: ComparePage) -> None:
    answer_example(tiny)
    explain(tiny)
    tiny.column("A").get_by_role("button", name="Retry").click()
    expect(tiny.column("A").locator(".explained")).to_be_hidden(timeout=PATIENCE_MS)
    expect(tiny.column("A").get_by_role("button", name=ASK)).to_be_visible(timeout=PATIENCE_MS)


def test_an_explanation_can_be_stopped(tiny: ComparePage, tiny_app: RunningApp) -> None:
    answer_example(tiny)
    engine = engine_of(tiny_app)
    os.kill(engine, signal.SIGSTOP)  # so that there is time to change one's mind
    try:
        tiny.column("A").get_by_role("button", name=ASK).click()
        expect(tiny.column("A")).to_contain_text("reading the answer 4 times", timeout=PATIENCE_MS)
        tiny.column("A").get_by_role("button", name="Stop explaining").click()
        expect(tiny.column("A")).to_contain_text("stopped by you", timeout=PATIENCE_MS)
    finally:
        os.kill(engine, signal.SIGCONT)
    explain(tiny)


def engine_of(app: RunningApp) -> int:
    """Find the engine among the app's children."""
    tasks = Path(f"/proc/{app.process.pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text("ascii").split()]
    engines = [pid for pid in children if b"janus_space.engine" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(engines) == 1, children
    return engines[0]


def test_a_blind_answer_offers_no_explanation_before_the_vote(tiny: ComparePage) -> None:
    tiny.page.get_by_label("Hide which is which until I vote").check()
    tiny.ask("Why is the sky blue?")
    vote = tiny.page.locator("#vote-tie")
    expect(vote).to_be_visible(timeout=SLOW_MS)
    expect(tiny.page.get_by_role("button", name=ASK)).to_have_count(0)
    vote.click()
    expect(tiny.column("A").get_by_role("button", name=ASK)).to_be_visible(timeout=PATIENCE_MS)


def test_a_model_without_log_probabilities_says_why_not(context: BrowserContext, app_url: str) -> None:
    compare = ComparePage(context.new_page(), app_url).open()
    compare.ask("Why?")
    compare.wait_until_finished()
    expect(compare.column("A")).to_contain_text("does not tell how likely it finds a word")
    expect(compare.page.get_by_role("button", name=ASK)).to_have_count(0)


def test_a_grid_is_filled_and_read_by_keyboard(tiny: ComparePage) -> None:
    page = tiny.page
    fill_grid(page)
    expect(page.locator("#grid-maps .verdict")).to_contain_text("of 2 answers")
    cells = page.locator(".heat td button")
    expect(cells).to_have_count(4)
    assert page.locator(".heat td.own").count() == 2
    cells.nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#grid-answer h3")).to_contain_text("Answer 1 of path:", timeout=PATIENCE_MS)
    expect(cells.nth(1)).to_be_focused()
    page.locator("#grid").get_by_role("button", name="Export").click()
    page.get_by_role("button", name="CSV", exact=True).last.click()
    expect(page.locator("#grid .cm-content")).to_contain_text("model,scorer,answer,message", timeout=PATIENCE_MS)


def test_the_columns_of_compare_become_a_grid_that_can_be_stopped(tiny: ComparePage) -> None:
    page = tiny.page
    tiny.choose("3")
    for letter, who in zip("ABC", ("a pirate", "a poet", "the sea"), strict=True):
        tiny.system(letter).fill(f"You are {who}.")
    tiny.prompt.fill("Who are you?")
    page.get_by_role("tab", name="Grid").click()
    page.get_by_role("button", name="Take over from Compare").click()
    expect(page.get_by_label("Message 3")).to_have_value("You are the sea.", timeout=PATIENCE_MS)
    expect(page.locator("#grid").get_by_label("Question")).to_have_value("Who are you?")
    page.get_by_role("button", name="Fill the grid").click()
    page.locator("#grid-stop").click()
    expect(page.locator("#grid")).to_contain_text("stopped by you", timeout=SLOW_MS)
    expect(page.locator("#grid-run")).to_be_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_new_for_axe_and_no_sideways_scrolling(
    chromium: Browser, tiny_app: RunningApp, picture_folder: Path, scheme: str
) -> None:
    context = chromium.new_context(
        locale="en-US", viewport={"width": 1280, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    tiny = ComparePage(context.new_page(), tiny_app.url).open()
    answer_example(tiny)
    explain(tiny)
    tiny.page.wait_for_timeout(300)
    findings = axe_findings(tiny.page)
    tiny.page.screenshot(path=picture_folder / f"influence-{scheme}.png", full_page=True)
    tiny.page.set_viewport_size({"width": 390, "height": 844})
    assert tiny.page.evaluate(WIDTHS) == [390, 390]
    tiny.page.screenshot(path=picture_folder / f"influence-phone-{scheme}.png", full_page=True)
    tiny.page.set_viewport_size({"width": 1280, "height": 900})
    fill_grid(tiny.page)
    tiny.page.locator(".heat td button").first.click()
    expect(tiny.page.locator("#grid-answer h3")).to_be_visible()
    tiny.page.wait_for_timeout(300)
    findings |= axe_findings(tiny.page)
    tiny.page.screenshot(path=picture_folder / f"grid-{scheme}.png", full_page=True)
    tiny.page.set_viewport_size({"width": 390, "height": 844})
    tiny.page.wait_for_timeout(300)
    assert tiny.page.evaluate(WIDTHS) == [390, 390]
    tiny.page.screenshot(path=picture_folder / f"grid-phone-{scheme}.png", full_page=True)
    assert findings - set(json.loads(BASELINE_FILE.read_text("utf-8"))) == set()
    context.close()


@pytest.mark.real_model
@pytest.mark.proof  # the journey at a desk explains an answer of the embedded model in every `make test`
@pytest.mark.timeout(900)
def test_a_pirate_message_speaks_in_the_embedded_model(
    chromium: Browser, embedded_models_dir: Path, tmp_path: Path, picture_folder: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(embedded_models_dir)
    context = chromium.new_context(locale="en-US", viewport={"width": 1280, "height": 1100})
    with running_app(home, model="embedded:smollm2") as app:
        compare = ComparePage(context.new_page(), app.url).open()
        compare.page.locator("button.card").first.click()
        expect(compare.column("A").locator(".status-line.done")).to_be_visible(timeout=600_000)
        expect(compare.page.locator("#run")).to_be_enabled(timeout=600_000)
        compare.column("A").get_by_role("button", name=ASK).click()
        expect(compare.column("A").locator(".influenced")).to_be_visible(timeout=600_000)
        assert compare.column("A").locator(".influenced .up").count() >= 5
        assert compare.column("A").locator(".phrases li").count() >= 1
        compare.page.screenshot(path=picture_folder / "influence-real.png", full_page=True)
    context.close()
