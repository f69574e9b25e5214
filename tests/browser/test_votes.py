"""Voting and the leaderboard, as a visitor does it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from janus_space.home import Home
from janus_space.leaderboard import MIN_VOTES
from janus_space.votes import VoteBox
from tests.browser.conftest import PATIENCE_MS, ComparePage, watch
from tests.browser.test_page import BASELINE_FILE, axe_findings
from tests.janus_space.sample_votes import make_vote
from tests.running_app import running_app

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HIDES = "Hide which is which until I vote"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.at(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def app_url(home: Home) -> Iterator[str]:
    with running_app(home.folder) as app:
        yield app.url


def ask_blind(compare: ComparePage) -> None:
    compare.page.get_by_label(HIDES).check()
    compare.ask("Why is the sky blue?")
    compare.wait_until_finished()
    expect(compare.page.locator("#vote")).to_contain_text("Which answer is better?", timeout=PATIENCE_MS)


def open_leaderboard(page: Page) -> None:
    if page.locator(".overflow-menu").is_visible():  # on a phone, the tabs that find no room are behind three dots
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown").get_by_text("Leaderboard").click()
    else:
        page.get_by_role("tab", name="Leaderboard").click()
    expect(page.locator("#standings")).to_contain_text(re.compile("votes? counted|No votes to show yet"))


def test_a_blind_vote_reveals_and_is_then_locked(compare: ComparePage, home: Home) -> None:
    page, n_before = compare.page, len(list(VoteBox(home.votes_file)))
    ask_blind(compare)
    for letter, number in (("A", "1"), ("B", "2")):
        expect(compare.column(letter).get_by_role("heading")).to_have_text(f"Column {number}")
        expect(compare.status(letter)).to_have_text("finished")
        expect(compare.system(letter)).to_be_hidden()
    expect(page.get_by_text("Highlight words that differ")).to_be_hidden()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    told = compare.answer("B").inner_text()
    compare.button("2 is better").click()
    expect(page.locator("#vote")).to_contain_text(re.compile("You chose 2, which is [AB]"), timeout=PATIENCE_MS)
    for letter, word in (("A", "pirate"), ("B", "schoolteacher")):
        expect(compare.answer(letter)).to_contain_text(word)
        expect(compare.system(letter)).to_be_visible()
        expect(compare.status(letter)).to_contain_text("first token")
    chosen = page.locator(".answer-column", has_text="your choice")
    expect(chosen.locator(".badge.place").first).to_have_text("was 2")
    assert chosen.locator(".bot-row .message-content").inner_text() == told
    expect(page.locator("#vote button:visible")).to_have_count(0)
    page.locator("#machine").click()
    page.keyboard.press("1")
    page.wait_for_timeout(500)
    cast = list(VoteBox(home.votes_file))[n_before:]
    assert [(vote.verdict, vote.was_blind) for vote in cast] == [(1, True)]
    assert cast[0].columns[1].answer == told.strip()


def test_an_open_vote_by_keyboard_and_not_while_typing(compare: ComparePage, home: Home) -> None:
    page, n_before = compare.page, len(list(VoteBox(home.votes_file)))
    compare.ask("Why?")
    compare.wait_until_finished()
    expect(compare.button("A is better")).to_be_visible()
    compare.prompt.focus()
    page.keyboard.type("1tb2")
    expect(compare.prompt).to_have_value("1tb2")
    page.locator("#vote").click()
    page.keyboard.press("t")
    expect(page.locator("#vote")).to_contain_text("You called it a tie.", timeout=PATIENCE_MS)
    cast = list(VoteBox(home.votes_file))[n_before:]
    assert [(vote.verdict, vote.was_blind) for vote in cast] == [("tie", False)]


def test_the_next_turn_stays_blind_and_after_the_vote_it_is_open(compare: ComparePage) -> None:
    ask_blind(compare)
    first = [compare.answer(letter).inner_text() for letter in "AB"]
    compare.ask("And at night?")
    for letter, before in zip("AB", first, strict=True):
        expect(compare.answer(letter)).to_contain_text("turn 2", timeout=PATIENCE_MS)
        assert compare.answer(letter).inner_text().split("You asked")[0] == before.split("You asked")[0]
    compare.wait_until_finished()
    compare.button("Both bad").click()
    expect(compare.page.locator("#vote")).to_contain_text("You found every answer bad.", timeout=PATIENCE_MS)
    compare.ask("And in the morning?")
    expect(compare.button("A is better")).to_be_visible(timeout=PATIENCE_MS)


def test_a_column_without_an_answer_turns_voting_off(compare: ComparePage) -> None:
    compare.page.get_by_label(HIDES).check()
    compare.column("A").get_by_label("Override").check()
    compare.model("A").fill("no-such-model")
    compare.model("A").press("Enter")
    compare.ask("Why?")
    expect(compare.page.locator("#vote")).to_contain_text("Voting is off", timeout=PATIENCE_MS)
    expect(compare.page.locator("#columns")).to_contain_text("could not answer")
    assert "no-such-model" not in compare.page.locator("#columns").inner_text()
    expect(compare.page.locator("#vote button:visible")).to_have_count(0)


def test_the_leaderboard_shows_votes_when_it_is_opened(compare: ComparePage, home: Home) -> None:
    page = compare.page
    open_leaderboard(page)
    box = VoteBox(home.votes_file)
    for number in range(MIN_VOTES + 2):
        box.cast(make_vote(["kestrel", "wren"], 0 if number % 4 else 1))
    compare.page.get_by_role("tab", name="Compare").click()
    open_leaderboard(page)
    first = page.get_by_role("row", name=re.compile("KESTREL"))
    expect(first).to_be_visible(timeout=PATIENCE_MS)
    expect(first.locator("svg.interval")).to_be_visible()
    page.locator("#leaderboard").get_by_text("System messages", exact=True).click()
    expect(page.locator("#standings")).to_contain_text("System messages are ranked", timeout=PATIENCE_MS)
    page.locator("#leaderboard").get_by_text("Me", exact=True).click()
    expect(page.locator("#standings")).not_to_contain_text("KESTREL")
    compare.button("Export votes as JSONL").click()
    with page.expect_download() as download:
        page.locator("#votes-file").click()
    exported = download.value.path().read_text("utf-8").splitlines()
    assert len(exported) == len(list(box))
    compare.button("Turn votes into a dataset").click()
    expect(page.locator("#leaderboard")).to_contain_text("are ready to train in", timeout=PATIENCE_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_new_for_axe_and_no_sideways_scrolling_on_a_phone(
    chromium: Browser, app_url: str, home: Home, picture_folder: Path, scheme: str
) -> None:
    for models in ("kestrel", "wren"), ("kestrel", "a model with a very long name of its own/that goes on and on"):
        for number in range(MIN_VOTES):
            VoteBox(home.votes_file).cast(make_vote(models, 0 if number % 3 else 1))
    context = chromium.new_context(
        locale="en-US", viewport={"width": 390, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    complaints = watch(page)
    compare = ComparePage(page, app_url).open()
    ask_blind(compare)
    findings = axe_findings(page)
    width = "[document.documentElement.scrollWidth, innerWidth]"
    for name in ("blind", "revealed"):
        assert page.evaluate(width) == [390, 390]
        page.screenshot(path=picture_folder / f"votes-phone-{name}-{scheme}.png", full_page=True)
        if name == "blind":
            compare.button("1 is better").click()
            expect(page.locator("#vote")).to_contain_text("You chose 1", timeout=PATIENCE_MS)
    findings |= axe_findings(page)
    open_leaderboard(page)
    expect(page.get_by_role("row", name=re.compile("KESTREL"))).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate(width) == [390, 390]
    page.screenshot(path=picture_folder / f"votes-phone-board-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_timeout(300)
    page.screenshot(path=picture_folder / f"votes-board-{scheme}.png")
    findings |= axe_findings(page)
    assert findings - set(json.loads(BASELINE_FILE.read_text("utf-8"))) == set()
    assert complaints == []
    context.close()
