"""The page as a whole: links, drafts, keyboard, sizes, dark mode, accessibility, export."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PATIENCE_MS, ComparePage, watch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

BASELINE_FILE = Path(__file__).parent / "axe_baseline.json"


def share_link(compare: ComparePage) -> str:
    compare.unfold("Share and export")
    compare.button("Copy share link").click()
    link = compare.page.get_by_label("Share link")
    expect(link).to_have_value(re.compile(r"\?c="), timeout=PATIENCE_MS)
    return link.input_value()


def exported(compare: ComparePage, kind: str) -> str:
    """Export as a person does: press the button, then download what is shown."""
    compare.button(kind).click()
    code = compare.page.locator("#export")
    expect(code.get_by_text(kind, exact=True)).to_be_visible()
    with compare.page.expect_download() as download:
        code.get_by_role("button", name="Download").click()
    return download.value.path().read_text("utf-8")


def test_a_share_link_opens_the_same_comparison_elsewhere(compare: ComparePage, chromium: Browser) -> None:
    compare.choose("3")
    compare.system("C").fill("Speak in riddles.")
    compare.ask("Where is my cat?")
    compare.wait_until_finished("A", "B", "C")
    link = share_link(compare)
    elsewhere = chromium.new_context(locale="en-US")
    page = elsewhere.new_page()
    complaints = watch(page)
    other = ComparePage(page, compare.url).open(link.removeprefix(f"{compare.url}/"))
    expect(other.prompt).to_have_value("Where is my cat?", timeout=PATIENCE_MS)
    expect(other.system("C")).to_have_value("Speak in riddles.")
    expect(other.column("D")).to_be_hidden()
    other.button("Run").click()
    other.wait_until_finished("A", "B", "C")
    assert complaints == []
    elsewhere.close()


def test_a_link_to_a_later_turn_brings_the_conversation_along(compare: ComparePage, context: BrowserContext) -> None:
    compare.ask("First?")
    compare.wait_until_finished()
    compare.ask("Second?")
    expect(compare.answer("A")).to_contain_text("turn 2", timeout=PATIENCE_MS)
    compare.wait_until_finished()
    link = share_link(compare)
    other = ComparePage(context.new_page(), compare.url).open(link.removeprefix(f"{compare.url}/"))
    expect(other.prompt).to_have_value("Second?", timeout=PATIENCE_MS)
    expect(other.answer("B")).to_contain_text("(turn 1): First?")
    other.button("Run").click()
    expect(other.answer("B")).to_contain_text("(turn 2): Second?", timeout=PATIENCE_MS)


def test_a_bad_link_says_so_in_one_sentence_and_the_page_works(compare: ComparePage) -> None:
    compare.open("?c=1nonsense")
    expect(compare.page.get_by_text("This share link is damaged")).to_be_visible(timeout=PATIENCE_MS)
    compare.ask("Still there?")
    compare.wait_until_finished()


def test_a_reload_keeps_the_draft(compare: ComparePage) -> None:
    compare.choose("Same instructions, different models")
    compare.choose("4")
    compare.page.locator("#shared-system textarea").fill("Answer as a lighthouse keeper.")
    compare.prompt.fill("What did you see last night?")
    compare.page.wait_for_timeout(500)
    compare.open()
    expect(compare.prompt).to_have_value("What did you see last night?", timeout=PATIENCE_MS)
    expect(compare.page.locator("#shared-system textarea")).to_have_value("Answer as a lighthouse keeper.")
    expect(compare.column("D")).to_be_visible()
    expect(compare.model("A")).to_be_visible()


def test_a_lent_key_is_cleared_at_once_and_kept_nowhere_in_the_browser(compare: ComparePage) -> None:
    secret = "sk-SENTINEL-0123456789"
    compare.unfold("Settings")
    compare.page.get_by_label("API key").fill(secret)
    compare.button("Use this key").click()
    expect(compare.page.get_by_text("The key for https://api.openai.com is set for this visit.")).to_be_visible()
    expect(compare.page.get_by_label("API key")).to_have_value("")
    kept = compare.page.evaluate("JSON.stringify(localStorage) + document.documentElement.outerHTML")
    assert secret not in kept
    assert secret not in compare.page.request.get(f"{compare.url}/config").text()


def test_the_whole_page_works_by_keyboard(compare: ComparePage) -> None:
    page = compare.page
    compare.prompt.focus()
    page.keyboard.type("Typed, never clicked?")
    page.keyboard.press("Control+Enter")
    expect(compare.answer("A")).to_contain_text("Typed, never clicked?", timeout=PATIENCE_MS)
    compare.wait_until_finished()
    expected = ["Same model", "A", "Run"]
    assert focus_order(page, expected) == expected
    compare.system("A").fill("Take your time. " * 60)
    compare.prompt.focus()
    page.keyboard.type("And now?")
    page.keyboard.press("Control+Enter")
    expect(compare.status("A")).to_have_text("answering…", timeout=PATIENCE_MS)
    page.keyboard.press("Escape")
    expect(compare.status("A")).to_have_text("stopped by you", timeout=PATIENCE_MS)


def focus_order(page: Page, expected: list[str]) -> list[str]:
    """Walk through the page with Tab; tell in which order its landmarks had a visible focus."""
    page.evaluate("const top = document.querySelector('#masthead'); top.tabIndex = -1; top.focus()")
    met: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => {
              const at = document.activeElement, style = getComputedStyle(at);
              if (at === document.body) return null;
              const label = at.closest('label');
              const outlined = [at, label].some((e) => e && getComputedStyle(e).outlineStyle !== 'none')
                || style.boxShadow !== 'none' || style.borderColor !== 'rgb(217, 210, 198)';
              if (!outlined) return 'INVISIBLE ' + at.outerHTML.slice(0, 120);
              if (at.id === 'run') return 'Run';
              if (at.closest('#axis')) return 'Same model';
              return at.matches('.column-a textarea') ? 'A' : '';
            }"""
        )
        assert not (name or "").startswith("INVISIBLE"), name
        if name in expected and name not in met:
            met.append(name)
    return met


def test_a_phone_needs_no_sideways_scrolling(chromium: Browser, app_url: str, picture_folder: Path) -> None:
    context = chromium.new_context(locale="en-US", viewport={"width": 390, "height": 844})
    compare = ComparePage(context.new_page(), app_url).open()
    width = "[document.documentElement.scrollWidth, innerWidth]"
    compare.page.screenshot(path=picture_folder / "phone-empty.png")
    assert compare.page.evaluate(width) == [390, 390]
    compare.choose("4")
    compare.page.get_by_role("button", name="Pirate or schoolteacher").click()
    compare.wait_until_finished()
    for drawer in ("Settings", "Models", "Share and export", "What was sent"):
        compare.unfold(drawer)
    compare.button("JSON").click()
    compare.page.wait_for_timeout(500)
    assert compare.page.evaluate(width) == [390, 390]
    compare.page.screenshot(path=picture_folder / "phone.png", full_page=True)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_new_for_axe_in_light_and_dark(
    chromium: Browser, app_url: str, picture_folder: Path, scheme: str
) -> None:
    context = chromium.new_context(
        locale="en-US", viewport={"width": 1280, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    compare = ComparePage(context.new_page(), app_url).open()
    compare.page.screenshot(path=picture_folder / f"{scheme}-empty.png")
    findings = axe_findings(compare.page)
    compare.page.get_by_role("button", name="With and without instructions").click()
    compare.wait_until_finished()
    compare.page.screenshot(path=picture_folder / f"{scheme}.png")
    for drawer in ("What was sent", "Share and export", "Settings", "Models"):
        compare.unfold(drawer)
    compare.page.locator("#differences label", has_text="A").click()
    compare.button("Python").click()
    compare.page.wait_for_timeout(500)
    findings |= axe_findings(compare.page)
    compare.page.screenshot(path=picture_folder / f"{scheme}-all.png", full_page=True)
    is_dark = compare.page.evaluate("document.body.classList.contains('dark')")
    assert is_dark == (scheme == "dark")
    new = findings - set(json.loads(BASELINE_FILE.read_text("utf-8")))
    assert new == set()
    context.close()


def axe_findings(page: Page) -> set[str]:
    """Name each finding by its rule and the element, without what Gradio numbers anew on each build."""
    return {
        f"{violation['id']}: {element_name(' '.join(map(str, node['target'])))}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
    }


def element_name(selector: str) -> str:
    """Shorten a selector; the editor of `gr.Code` makes up a class for every colour of its syntax."""
    return "syntax colours of the code editor" if "ͼ" in selector else re.sub(r"svelte-\w+|[0-9]+", "*", selector)


def test_exports_hold_the_questions_and_the_answers(compare: ComparePage) -> None:
    compare.ask("Will it be exported?")
    compare.wait_until_finished()
    compare.unfold("Share and export")
    rows = json.loads(exported(compare, "JSON"))
    assert [row["model"] for row in rows] == ["echo:", "echo:"]
    assert rows[0]["text"] == compare.answer("A").inner_text().strip()
    assert rows[0]["prompt"] in exported(compare, "Markdown")
    script = exported(compare, "Python")
    compile(script, "export.py", "exec")
    assert f"Client('{compare.url}')" in script


def test_an_image_in_an_answer_tells_no_other_server(
    context: BrowserContext, app_url: str, canary: tuple[str, list[str]]
) -> None:
    address, asked = canary
    compare = ComparePage(context.new_page(), app_url).open()
    compare.ask(f"![seen]({address}/markdown.png) <img src='{address}/html.png'>")
    compare.wait_until_finished()
    expect(compare.answer("A").locator("img").first).to_be_attached()
    compare.page.wait_for_timeout(500)
    assert asked == []
