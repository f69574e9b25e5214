"""Asking, stopping, retrying: what a visitor does on the Compare page."""

from __future__ import annotations

import socket
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, ComparePage

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LONG = "You repeat yourself. " * 60  # some 180 words: six seconds at the pace of echo:


def dead_endpoint() -> str:
    """Give the address of a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"openai:nobody@http://127.0.0.1:{probe.getsockname()[1]}/v1"


def test_every_column_has_its_first_words_before_any_is_finished(compare: ComparePage) -> None:
    compare.choose("3")
    for letter in "ABC":
        compare.system(letter).fill(f"{letter} {LONG}")
    compare.ask("Why is the sky blue?")
    for letter in "ABC":
        expect(compare.answer(letter)).to_contain_text(f"I was told: {letter}", timeout=4_000)
    for letter in "ABC":
        assert compare.status(letter).inner_text() == "answering…"
    compare.page.locator("#stop").click()


def test_answers_end_with_their_figures(compare: ComparePage) -> None:
    compare.ask("Why is the sky blue?")
    compare.wait_until_finished()
    for letter, word in (("A", "pirate"), ("B", "schoolteacher")):
        expect(compare.answer(letter)).to_contain_text(word)
        expect(compare.answer(letter)).to_contain_text("I am not a language model.")
        assert "first token" in compare.status(letter).inner_text()
        assert "tokens/s" in compare.status(letter).inner_text()


def test_a_seed_that_nobody_set_stays_empty_and_words_are_refused_at_the_field(compare: ComparePage) -> None:
    compare.unfold("Settings")
    seed = compare.page.get_by_label("Seed")
    expect(seed).to_have_value("")  # Gradio's field for numbers would show, and send, 0
    seed.fill("lucky")
    compare.ask("Why?")
    expect(compare.page.get_by_text("The seed is 'lucky': write a whole number").first).to_be_visible()


def test_stop_ends_every_column_and_keeps_what_was_said(compare: ComparePage) -> None:
    compare.system("A").fill(LONG)
    compare.system("B").fill(LONG)
    compare.ask("Why?")
    expect(compare.answer("A")).to_contain_text("I was told")
    expect(compare.answer("B")).to_contain_text("I was told")
    compare.page.locator("#stop").click()
    for letter in "AB":
        expect(compare.status(letter)).to_have_text("stopped by you", timeout=PATIENCE_MS)
    said = compare.answer("A").inner_text()
    time.sleep(0.6)
    assert compare.answer("A").inner_text() == said
    assert "language model" not in said
    expect(compare.page.locator("#run")).to_be_enabled()


def test_one_column_can_be_stopped_alone_and_asked_again(compare: ComparePage) -> None:
    compare.system("A").fill(LONG)
    compare.ask("Why?")
    expect(compare.answer("A")).to_contain_text("I was told")
    compare.column("A").get_by_role("button", name="Stop").click()
    expect(compare.status("A")).to_have_text("stopped by you", timeout=PATIENCE_MS)
    compare.wait_until_finished("B")
    compare.system("A").fill("Be short.")
    compare.column("A").get_by_role("button", name="Retry").click()
    compare.wait_until_finished("A", "B")
    expect(compare.answer("A")).to_contain_text("I was told: Be short.")


def test_a_failing_column_leaves_the_others_alone(compare: ComparePage) -> None:
    compare.choose("Same instructions, different models")
    compare.page.locator("#shared-system textarea").fill("Be kind.")
    compare.model("A").fill(dead_endpoint())
    compare.model("A").press("Enter")
    compare.ask("Why?")
    compare.wait_until_finished("B")
    expect(compare.status("A")).to_contain_text("127.0.0.1", timeout=PATIENCE_MS)
    assert "failed" in (compare.status("A").get_attribute("class") or "")
    expect(compare.answer("B")).to_contain_text("Be kind.")


def test_the_next_question_goes_to_all_columns_and_can_be_taken_back(compare: ComparePage) -> None:
    compare.ask("First?")
    compare.wait_until_finished()
    compare.ask("Second?")
    for letter in "AB":
        expect(compare.answer(letter)).to_contain_text("(turn 2): Second?", timeout=PATIENCE_MS)
        assert compare.column(letter).locator(".user-row").count() == 2
    compare.wait_until_finished()
    compare.button("Edit last question").click()
    expect(compare.prompt).to_have_value("Second?")
    for letter in "AB":
        expect(compare.column(letter).locator(".user-row")).to_have_count(1)
        expect(compare.answer(letter)).to_contain_text("(turn 1): First?")
    compare.button("New conversation").click()
    expect(compare.column("A").locator(".user-row")).to_have_count(0)
    expect(compare.page.get_by_role("heading", name="Ask once, compare the answers")).to_be_visible()


def test_an_example_runs_at_one_click(compare: ComparePage) -> None:
    compare.page.get_by_role("button", name="With and without instructions").click()
    compare.wait_until_finished()
    expect(compare.answer("A")).to_contain_text("medieval knight")
    expect(compare.answer("B")).to_contain_text("I was told nothing")
    compare.unfold("What was sent", compare.column("B"))
    expect(compare.column("B")).to_contain_text("No system message was sent, by your choice.")


def test_a_blank_instruction_is_refused_at_its_box_and_nothing_is_lost(compare: ComparePage) -> None:
    compare.system("B").fill("")
    compare.ask("Is it kept?")
    expect(compare.column("B")).to_contain_text("tick “Send no system message”")
    expect(compare.prompt).to_have_value("Is it kept?")
    compare.column("B").get_by_role("checkbox", name="Send no system message").check()
    compare.button("Run").click()
    compare.wait_until_finished()
    expect(compare.answer("B")).to_contain_text("I was told nothing")


def test_an_override_shows_the_other_axis_and_a_badge(compare: ComparePage) -> None:
    badge = compare.column("A").get_by_text("Modified")
    expect(badge).to_be_hidden()
    expect(compare.model("A")).to_be_hidden()
    compare.column("A").get_by_label("Override").check()
    expect(badge).to_be_visible()
    expect(compare.model("A")).to_be_visible()
    expect(compare.column("B").get_by_text("Modified")).to_be_hidden()
    compare.model("A").fill("no-such-model")
    compare.model("A").press("Enter")
    compare.ask("Why?")
    compare.wait_until_finished("B")
    expect(compare.status("A")).to_contain_text("No model goes by 'no-such-model'")


def test_differences_are_marked_without_touching_the_words(compare: ComparePage) -> None:
    compare.ask("Why?")
    compare.wait_until_finished()
    plain = compare.answer("B").inner_text()
    compare.page.locator("#differences label", has_text="A").click()
    expect(compare.answer("B").locator("mark").first).to_contain_text("schoolteacher")
    assert compare.answer("B").inner_text().split() == plain.split()
    assert compare.answer("A").locator("mark").count() == 0
    compare.page.locator("#differences label", has_text="Off").click()
    expect(compare.answer("B").locator("mark")).to_have_count(0)


def test_a_model_that_cannot_run_here_is_greyed_with_its_reason(compare: ComparePage) -> None:
    compare.page.locator("#shared-model input").click()
    here = compare.page.get_by_role("option", name="SmolLM2 135M Instruct (embedded)")
    elsewhere = compare.page.get_by_role("option", name="GPT-4o mini — not here: needs an API key")
    colour = "element => getComputedStyle(element).color"
    assert elsewhere.evaluate(colour) != here.evaluate(colour)
    compare.page.keyboard.press("Escape")
    compare.unfold("Models")
    row = compare.page.get_by_role("row", name="GPT-4o mini")
    expect(row).to_contain_text("set OPENAI_API_KEY before the start")


@pytest.mark.parametrize("kind", ["answer", "error"])
def test_what_a_model_says_is_never_run(compare: ComparePage, kind: str) -> None:
    attack = "<img src='data:,' onerror=\"document.title='owned'\"><script>document.title='owned'</script>**bold**"
    if kind == "answer":
        compare.system("A").fill(attack)
    else:
        compare.column("A").get_by_label("Override").check()
        compare.model("A").fill(attack)
        compare.model("A").press("Enter")
    compare.ask(attack)
    compare.wait_until_finished("B")
    compare.page.locator("#differences label", has_text="B").click()
    if kind == "answer":
        expect(compare.answer("A").locator("mark").first).to_be_visible()
        assert "onerror" in compare.answer("A").inner_text()
    else:
        expect(compare.status("A")).to_contain_text("onerror")
    time.sleep(0.5)
    assert compare.page.title() == "Janus Space"
