"""The Compose tab: by keyboard alone, by mouse, with a model, on a phone and in the dark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from data_gen.preferences import DIMENSIONS
from tests.browser.compose_page import HIERARCHY, ComposePage
from tests.browser.conftest import PATIENCE_MS, ComparePage, watch
from tests.browser.test_page import BASELINE_FILE, axe_findings
from tests.endpoint import endpoint, says

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def compose(compare: ComparePage) -> ComposePage:
    return ComposePage(compare).open()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_message_is_composed_and_put_to_use_by_keyboard_alone(compare: ComparePage) -> None:
    page, compose = compare.page, ComposePage(compare)
    page.get_by_role("tab", name="Compare").focus()
    press(page, "ArrowRight", "Enter")
    if not compose.tree.is_visible():
        press(page, "Tab", "Enter")
    expect(compose.tree).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("Search the preferences").focus()
    press(page, "Tab")
    assert compose.focused().startswith("How should it sound?")
    for number, branch in enumerate(HIERARCHY.dimensions):
        # Open the dimension, then its second subdimension, and take the third preference there.
        press(page, "ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown")
        leaf = branch.subdimensions[1].preferences[2]
        assert compose.focused() == leaf.preference
        press(page, "Enter" if number % 2 else " ")
        expect(compose.leaf(leaf.id)).to_have_attribute("aria-selected", "true")
        assert compose.focused() == leaf.preference
        press(page, "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft")
        if number < 3:
            press(page, "ArrowDown")
    expect(compose.chips).to_have_count(4)
    text = compose.message.input_value()
    assert 120 <= len(text.split()) <= 170
    for _ in range(20):
        press(page, "Tab")
        if page.evaluate("document.activeElement.id") == "use-a":
            break
    press(page, "Enter")
    expect(page.get_by_text("Column A has this message now.")).to_be_visible()
    for _ in range(8):
        press(page, "Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Open Compare":
            break
    press(page, "Enter")
    expect(compare.system("A")).to_have_value(text)
    expect(compare.system("A")).to_be_visible()


def test_moving_about_in_the_tree(compose: ComposePage) -> None:
    page = compose.page
    compose.item("How should it sound?").focus()
    press(page, "End")
    assert compose.focused().startswith("What should it take care of?")
    press(page, "ArrowDown")
    assert compose.focused().startswith("What should it take care of?")
    press(page, "ArrowRight", "ArrowDown")
    assert compose.focused() == "Accuracy"
    page.keyboard.type("tr")
    assert compose.focused() == "Trustworthiness"
    press(page, "Enter", "ArrowDown")
    assert compose.focused() == "names its sources"
    press(page, "ArrowLeft")
    assert compose.focused() == "Trustworthiness"
    press(page, "ArrowLeft")
    expect(compose.item("Trustworthiness")).to_have_attribute("aria-expanded", "false")
    press(page, "Home")
    assert compose.focused().startswith("How should it sound?")
    assert compose.tree.locator("[tabindex='0']").count() == 1


def test_quick_picks_are_all_taken(compose: ComposePage) -> None:
    with compose.page.expect_request("**/queue/join*") as asked:
        compose.page.get_by_label("Allow more than one a dimension").check()
    asked.value.response()
    compose.search("informativeness")
    compose.page.get_by_label("Search the preferences").press("Enter")
    for _ in range(5):
        press(compose.page, " ", "ArrowDown")
    expect(compose.chips).to_have_count(5)
    expect(compose.taken).to_have_count(5)
    assert 120 <= len(compose.message.input_value().split()) <= 170


def test_a_pick_that_overtakes_allow_more_pushes_out_no_other(compose: ComposePage) -> None:
    held: list[Route] = []
    compose.page.route("**/queue/join*", lambda route: held.append(route), times=1)
    compose.page.get_by_label("Allow more than one a dimension").check()
    compose.search("informativeness")
    compose.page.get_by_label("Search the preferences").press("Enter")
    press(compose.page, " ", "ArrowDown", " ")
    expect(compose.chips).to_have_count(2)
    assert len(held) == 1
    held[0].continue_()
    compose.button("Another wording").click()
    expect(compose.chips).to_have_count(2)
    expect(compose.page.get_by_label("Allow more than one a dimension")).to_be_checked()


@pytest.mark.parametrize("query", ["child", "expl term", "HARMLESS", "step", "zebra"])
def test_the_search_finds_what_the_hierarchy_finds(compose: ComposePage, query: str) -> None:
    found = {leaf.id for leaf in HIERARCHY.search(query)}
    compose.search(query)
    shown = compose.tree.locator(".leaf:visible")
    expect(shown).to_have_count(len(found))
    assert set(shown.evaluate_all("items => items.map((item) => item.dataset.key)")) == found
    expect(compose.page.locator(".tree-search [role=status]")).to_contain_text(f"{len(found)} preference")
    compose.search("")
    expect(compose.tree.locator(".leaf:visible")).to_have_count(0)


def test_a_surprise_picks_one_of_each_and_another_wording_says_it_differently(compose: ComposePage) -> None:
    compose.button("Surprise me").click()
    expect(compose.chips).to_have_count(4)
    for dimension in DIMENSIONS:
        expect(compose.page.locator(f".chip.{dimension}")).to_have_count(1)
    before = compose.message.input_value()
    compose.button("Another wording").click()
    expect(compose.message).not_to_have_value(before)
    expect(compose.page.locator("#findings .look")).to_have_count(0)


def test_a_chip_is_removed_and_a_second_of_a_dimension_replaces_the_first(compose: ComposePage) -> None:
    compose.take("plain-words")
    compose.take("one-sentence")
    expect(compose.chips).to_have_count(1)
    expect(compose.leaf("plain-words")).to_have_attribute("aria-selected", "false")
    compose.button("Remove the whole answer in one sentence").click()
    expect(compose.chips).to_have_count(0)
    expect(compose.message).to_have_value("")


def test_contradictions_are_noted_beside_the_picks(compose: ComposePage) -> None:
    compose.take("plain-words")
    compose.take("specialist")
    note = compose.page.get_by_role("list", name="Contradictions")
    expect(note).to_contain_text("A specialist expects exact terms without explanations.")
    compose.button("Remove simple everyday vocabulary").click()
    expect(note).to_have_count(0)


def test_an_edited_text_is_marked_kept_checked_and_rebuilt_on_purpose(compose: ComposePage) -> None:
    compose.take_persona(0)
    written = compose.message.input_value()
    compose.message.fill("Be brief.")
    expect(compose.page.locator("#edited")).to_have_text("Edited")
    expect(compose.page.locator("#findings")).to_contain_text("2 words: shorter than")
    compose.take("both-sides")
    expect(compose.message).to_have_value("Be brief.")
    compose.page.locator("[data-key='gallery-0']").click()
    expect(compose.page.get_by_text("Your edited text stays")).to_be_visible()
    compose.button("Rebuild from the picks").click()
    expect(compose.message).to_have_value(written)
    expect(compose.page.locator("#edited")).to_have_text("")
    expect(compose.button("Rebuild from the picks")).to_be_hidden()


def test_the_check_knows_which_model_has_no_system_role(compose: ComposePage) -> None:
    compose.take_persona(0)
    expect(compose.page.locator("#findings")).not_to_contain_text("no place for a system message")
    model = compose.page.locator("#compose-model input")
    model.fill("hf:kaist-ai/janus-7b")
    model.press("Enter")
    expect(compose.page.locator("#findings")).to_contain_text("no place for a system message", timeout=PATIENCE_MS)


def test_the_sunburst_and_the_tree_are_one_state(compose: ComposePage) -> None:
    compose.sector("risks-first").click()
    expect(compose.leaf("risks-first")).to_have_attribute("aria-selected", "true")
    expect(compose.item("What should it take care of?")).to_contain_text("risks named first")
    compose.take("plain-words")
    expect(compose.sector("plain-words")).to_have_class(re.compile("taken"))
    compose.sector("risks-first").click()
    expect(compose.leaf("risks-first")).to_have_attribute("aria-selected", "false")


def test_the_sunburst_zooms_in_and_out(compose: ComposePage) -> None:
    page = compose.page
    page.emulate_media(reduced_motion="reduce")
    middle = page.locator("#sunburst .middle")
    shape = compose.sector("specialist").locator("path").first
    whole = shape.get_attribute("d")
    page.locator("#sunburst .depth-2.background_knowledge").nth(4).click()
    page.mouse.move(0, 0)
    expect(middle).to_have_text("Expert")
    expect(compose.sector("specialist")).to_contain_text("specialist")
    expect(compose.sector("plain-words").locator("path").first).to_have_attribute("d", "")
    page.locator("#sunburst .centre").click()
    page.mouse.move(0, 0)
    expect(middle).to_have_text("Backgroundknowledge")
    page.locator("#sunburst .centre").click()
    page.mouse.move(0, 0)
    expect(middle).to_have_text("Allpreferences")
    assert shape.get_attribute("d") == whole
    page.locator("#sunburst .depth-1.style").focus()
    press(page, "Enter")
    expect(middle).to_have_text("Style")
    assert page.locator("#sunburst [tabindex='0']").count() == 0


def test_a_persona_is_taken_saved_exported_forgotten_and_imported(compose: ComposePage, tmp_path: Path) -> None:
    page = compose.page
    compose.take_persona(3)
    expect(page.get_by_text("These are the preferences of “Grandmother with a new tablet”.")).to_be_visible()
    compose.message.fill("You are <b>kind</b> to me.")
    page.locator("#persona-name input, #persona-name textarea").fill("Mine <img src=x>")
    compose.button("Save as a persona").click()
    own = page.locator("[data-key='mine-0']")
    expect(own).to_contain_text("Mine <img src=x>")
    with page.expect_download() as download:
        compose.button("Export mine").click()
    assert download.value.suggested_filename == "janus-personas.json"
    path = tmp_path / "mine.json"
    download.value.save_as(path)
    (kept,) = json.loads(path.read_text("utf-8"))["personas"]
    assert kept["system"] == "You are <b>kind</b> to me."
    compose.button("Forget Mine <img src=x>").click()
    expect(own).to_have_count(0)
    page.get_by_label("Import a file").set_input_files(path)
    expect(own).to_contain_text("Mine <img src=x>", timeout=PATIENCE_MS)
    compose.compare.open()
    compose.open()
    expect(own).to_be_visible(timeout=PATIENCE_MS)
    own.click()
    expect(compose.message).to_have_value("You are <b>kind</b> to me.")
    expect(compose.chips).to_have_count(4)


def test_a_bad_file_is_refused_in_one_sentence(compose: ComposePage, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"format": "janus-space personas", "personas": []}', "utf-8")
    compose.page.get_by_label("Import a file").set_input_files(path)
    expect(compose.page.get_by_text("bad.json, personas: ")).to_be_visible(timeout=PATIENCE_MS)


@pytest.fixture
def rewriting() -> Iterator[str]:
    with endpoint(says('Sure! Here is the rewritten system message:\n\n"You are a patient guide."')) as served:
        yield f"openai:m@{served.url}"


def test_a_smoother_text_is_proposed_and_taken_or_left(compose: ComposePage, rewriting: str) -> None:
    page = compose.page
    compose.message.fill("You are a guide.")
    model = page.locator("#compose-model input")
    model.fill(rewriting)
    model.press("Enter")
    compose.button("Write it more smoothly").click()
    proposal = page.locator("#proposal")
    expect(proposal.locator("mark")).to_have_text("patient", timeout=PATIENCE_MS)
    expect(proposal.locator(".words")).to_have_text("You are a patient guide.")
    expect(compose.message).to_have_value("You are a guide.")
    compose.button("Keep mine").click()
    expect(proposal).to_be_hidden()
    expect(compose.message).to_have_value("You are a guide.")
    compose.button("Write it more smoothly").click()
    compose.button("Take this text").click()
    expect(compose.message).to_have_value("You are a patient guide.")
    expect(page.locator("#edited")).to_have_text("Edited")
    expect(proposal).to_be_hidden()


def test_the_rewriting_can_be_stopped(compose: ComposePage) -> None:
    compose.take_persona(0)
    compose.button("Write it more smoothly").click()
    expect(compose.page.get_by_text("words so far")).to_be_visible(timeout=PATIENCE_MS)
    compose.button("Stop").click()
    expect(compose.page.locator("#composing").get_by_text("stopped by you")).to_be_visible(timeout=PATIENCE_MS)
    expect(compose.button("Write it more smoothly")).to_be_enabled()


def test_all_columns_take_the_message_and_answer_under_it(compose: ComposePage) -> None:
    compose.message.fill("You are a lighthouse keeper.")
    compose.button("All columns").click()
    expect(compose.page.get_by_text("All columns have this message now.")).to_be_visible()
    compose.button("Open Compare").click()
    compare = compose.compare
    for letter in "AB":
        expect(compare.system(letter)).to_have_value("You are a lighthouse keeper.")
    compare.ask("What do you see?")
    compare.wait_until_finished()
    expect(compare.answer("B")).to_contain_text("lighthouse keeper")


def test_the_shortcut_of_compare_does_nothing_from_here(compose: ComposePage) -> None:
    compose.compare.page.get_by_role("tab", name="Compare").click()
    compose.compare.prompt.fill("Not yet?")
    compose.page.get_by_role("tab", name="Compose").click()
    compose.message.focus()
    press(compose.page, "Control+Enter")
    compose.page.wait_for_timeout(500)
    compose.page.get_by_role("tab", name="Compare").click()
    expect(compose.compare.prompt).to_have_value("Not yet?")


def everything_open(compose: ComposePage) -> None:
    compose.item("How should it sound?").locator(".row").first.click()
    compose.item("Clarity").locator(".row").first.click()
    compose.take("plain-words")
    compose.take("specialist")
    compose.message.press_sequentially(" You are kind.")
    expect(compose.page.locator("#edited")).to_have_text("Edited")
    compose.page.locator("#use-a").click()
    expect(compose.page.get_by_text("Column A has this message now.")).to_be_visible()


def test_a_phone_needs_no_sideways_scrolling(chromium: Browser, app_url: str, picture_folder: Path) -> None:
    context = chromium.new_context(locale="en-US", viewport={"width": 390, "height": 844})
    compose = ComposePage(ComparePage(context.new_page(), app_url).open()).open()
    everything_open(compose)
    assert compose.page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    compose.page.screenshot(path=picture_folder / "compose-phone.png", full_page=True)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_new_for_axe_in_light_and_dark(
    chromium: Browser, app_url: str, picture_folder: Path, scheme: str
) -> None:
    context: BrowserContext = chromium.new_context(
        locale="en-US", viewport={"width": 1280, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    complaints = watch(page)
    compose = ComposePage(ComparePage(page, app_url).open()).open()
    findings = axe_findings(page)
    everything_open(compose)
    findings |= axe_findings(page)
    page.screenshot(path=picture_folder / f"compose-{scheme}.png", full_page=True)
    assert findings - set(json.loads(BASELINE_FILE.read_text("utf-8"))) == set()
    assert complaints == []
    context.close()
