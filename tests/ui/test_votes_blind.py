"""Blind mode on the server: whatever it sends for one column before the vote, it sends for every other, too."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import gradio as gr
import pytest

from janus_space.ballots import Ballot
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui.board import LOCKED, Board
from janus_space.ui.form import COLUMN_LETTERS, ColumnForm, Form
from janus_space.ui.page import build
from janus_space.votes import VoteBox
from tests.callers import request_of
from tests.endpoint import Reply, endpoint, fails, says

TEXT = "The same words from both, so that only the manner of their coming could tell them apart, if anything did."
VOTER = "0123456789abcdef0123456789abcdef"


class Visitor:
    """Triggers events of a page as its own, and keeps every update that comes back."""

    def __init__(self, page: gr.Blocks) -> None:
        self.events = {fn.api_name: fn.fn for fn in page.fns.values()}
        self.parts = {part: place for column in range(4) for part, place in parts_of(page, column)}
        self.board = Board()
        self.sent: list[dict[Any, Any]] = []

    async def run(self, form: Form, hides: bool = True) -> AsyncIterator[dict[Any, Any]]:
        async for updates in self.events["run"](request_of(), self.board, "", VOTER, hides, -1, *form.values()):
            self.sent.append({part: update for part, update in updates.items() if not isinstance(part, gr.State)})
            yield updates

    async def ask(self, form: Form, hides: bool = True) -> None:
        async for _ in self.run(form, hides):
            pass

    async def trigger(self, event: str, *values: Any) -> Any:
        outcome = self.events[event](request_of(), self.board, *values)
        return [update async for update in outcome] if hasattr(outcome, "__aiter__") else await outcome

    async def vote(self, choice: str, voter: str = VOTER) -> Any:
        return await self.trigger(f"vote_{choice}", voter, -1)

    def of_column(self, updates: dict[Any, Any], column: int) -> str:
        """Give what was sent for one column, without the number that is its name."""
        own = {
            self.parts[part][1]: update
            for part, update in updates.items()
            if part in self.parts and self.parts[part][0] == column
        }
        return re.sub(rf"(</span>|Conversation ){column + 1}", r"\1N", json.dumps(own, default=repr))


def parts_of(page: gr.Blocks, column: int) -> Iterator[tuple[gr.blocks.Block, tuple[int, int]]]:
    name = f"column-{COLUMN_LETTERS[column].lower()}"
    holder = next(
        one for one in page.blocks.values() if isinstance(one, gr.Column) and name in (one.elem_classes or [])
    )
    for number, part in enumerate(below(holder)):
        yield part, (column, number)


def below(block: Any) -> Iterator[gr.blocks.Block]:
    for child in getattr(block, "children", []):
        yield child
        yield from below(child)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[gr.Blocks, VoteBox]:
    home = Home.at(tmp_path_factory.mktemp("home"))
    votes = VoteBox(home.votes_file)
    return build(Models(home, EnginePool(home)), start_model="echo:", votes=votes), votes


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Say in which order the next ballot shows its columns."""
    wanted: list[tuple[int, ...]] = [(1, 0)]

    def shuffled(comparison: Any, voter: str, names: Any = (), preferences: Any = (), seed: Any = None) -> Ballot:
        return Ballot._in_order(wanted[0], comparison, voter, names, preferences, is_blind=True)

    monkeypatch.setattr(Ballot, "shuffled", shuffled)
    return wanted


def asking(*models: str, prompt: str = "Why?") -> Form:
    own = tuple(ColumnForm(model=model) for model in models)
    return Form(
        prompt=prompt, axis="models", model="echo:", count=len(models), system="Be kind.", columns=(*own, *own)[:4]
    )


def serving(stack: ExitStack, *replies: Reply) -> list[str]:
    """Start an endpoint a reply; give the specs by which they are asked."""
    urls = [stack.enter_context(endpoint(reply)).url for reply in replies]
    return [f"openai:model-{number}@{url}" for number, url in enumerate(urls)]


@pytest.mark.parametrize("shown", [(0, 1), (1, 0)])
def test_speed_tells_nothing(house: tuple[gr.Blocks, VoteBox], order: list, shown: tuple[int, int]) -> None:
    order[0] = shown
    visitor = Visitor(house[0])
    with ExitStack() as stack:
        slow = says(TEXT, words_per_second=12, seconds_before=0.5)
        asyncio.run(visitor.ask(asking(*serving(stack, says(TEXT, words_per_second=60), slow))))
    assert len(visitor.sent) > 4
    for updates in visitor.sent:
        assert visitor.of_column(updates, 0) == visitor.of_column(updates, 1)
        assert "model-" not in json.dumps([visitor.of_column(updates, column) for column in range(4)])
    assert TEXT in visitor.of_column(visitor.sent[-1], 0)


def test_all_columns_wait_fail_and_finish_in_the_same_moment(house: tuple[gr.Blocks, VoteBox], order: list) -> None:
    visitor = Visitor(house[0])
    with ExitStack() as stack:
        models = serving(stack, fails(500, "model-0 is out of order"), says(TEXT, words_per_second=12))
        asyncio.run(visitor.ask(asking(*models)))
    *before, last, _ = visitor.sent
    assert all(visitor.of_column(updates, 0) == visitor.of_column(updates, 1) for updates in before)
    assert "could not answer" in visitor.of_column(last, 1)
    assert "finished" in visitor.of_column(last, 0)
    assert "out of order" not in repr(visitor.sent)
    assert "Voting is off" in repr(visitor.sent[-1])


def test_a_stop_tells_nothing_of_who_had_come_further(house: tuple[gr.Blocks, VoteBox], order: list) -> None:
    visitor = Visitor(house[0])

    async def ask_and_stop(form: Form) -> None:
        async for updates in visitor.run(form):
            if "The same words" in visitor.of_column(updates, 0):
                await visitor.trigger("stop_run")

    with ExitStack() as stack:
        replies = (says(TEXT), says(TEXT, words_per_second=10, seconds_before=0.3))
        asyncio.run(ask_and_stop(asking(*serving(stack, *replies))))
    for updates in visitor.sent:
        assert visitor.of_column(updates, 0) == visitor.of_column(updates, 1)
    assert "stopped by you" in visitor.of_column(visitor.sent[-1], 0)
    assert TEXT not in repr(visitor.sent[-1])


def test_what_would_tell_is_locked_until_the_vote_and_open_after_it(
    house: tuple[gr.Blocks, VoteBox], order: list
) -> None:
    page, votes = house
    visitor = Visitor(page)
    form = asking("echo:", "echo:")
    form = form.model_copy(
        update={"axis": "systems", "columns": tuple(ColumnForm(system=s, model="echo:") for s in "abcd")}
    )
    values = form.values()
    locked = {
        "share": values, "highlight": [0], "export_json": [], "export_markdown": [], "export_python": [],
        **{f"retry_{letter}": ["", VOTER, True, -1, *values] for letter in "ab"},
    }  # fmt: skip

    async def tell_all() -> None:
        await visitor.ask(form)
        for event, given in locked.items():
            with pytest.raises(gr.Error, match=LOCKED):
                await visitor.trigger(event, *given)
        revealed = repr(await visitor.vote("1"))
        assert "You chose 1, which is B. 1 was B, 2 was A." in revealed
        assert "tokens/s" in revealed
        for event, given in locked.items():
            await visitor.trigger(event, *given)

    asyncio.run(tell_all())
    *_, vote = votes
    assert (vote.was_blind, vote.verdict, [column.system for column in vote.columns]) == (True, 0, ["b", "a"])


def test_the_next_turn_keeps_the_places_until_the_vote_and_is_open_after_it(
    house: tuple[gr.Blocks, VoteBox], order: list
) -> None:
    visitor = Visitor(house[0])
    form = asking("echo:", "echo:").model_copy(
        update={"axis": "systems", "columns": tuple(ColumnForm(system=s, model="echo:") for s in "abcd")}
    )

    async def converse() -> None:
        await visitor.ask(form)
        order[0] = (0, 1)
        await visitor.ask(form.model_copy(update={"prompt": "And then?"}))
        comparison = visitor.board.comparison
        assert comparison is not None
        assert [column.system for column in comparison.columns] == ["b", "a"]
        changed = (ColumnForm(system="changed", model="echo:"), *form.columns[1:])
        with pytest.raises(gr.Error, match="the columns stay as they are"):
            await visitor.ask(form.model_copy(update={"columns": changed}))
        await visitor.vote("tie")
        await visitor.ask(form.model_copy(update={"prompt": "And now?"}))
        assert not visitor.board.is_blind
        await visitor.vote("bad")

    asyncio.run(converse())
    both = list(house[1])[-2:]
    assert [(vote.was_blind, vote.verdict, vote.prompt) for vote in both] == [
        (True, "tie", "And then?"),
        (False, "both bad", "And now?"),
    ]
    assert [turn.prompt for turn in both[1].earlier] == ["Why?", "And then?"]
    assert both[0].earlier[0].answers[0].startswith("I was told: b")
    assert both[1].earlier[0].answers[0].startswith("I was told: a")


def test_a_conversation_that_began_in_the_open_does_not_become_blind(house: tuple[gr.Blocks, VoteBox]) -> None:
    visitor = Visitor(house[0])
    asyncio.run(visitor.ask(asking("echo:", "echo:"), hides=False))
    asyncio.run(visitor.ask(asking("echo:", "echo:", prompt="And then?"), hides=True))
    assert not visitor.board.is_blind


def test_a_vote_counts_once_and_only_for_whom_it_was_asked(house: tuple[gr.Blocks, VoteBox]) -> None:
    page, votes = house
    visitor, n_before = Visitor(page), len(list(votes))

    async def vote_often() -> None:
        await visitor.ask(asking("echo:", "echo:"), hides=False)
        with pytest.raises(gr.Error, match="cannot be voted on"):
            await visitor.vote("1", voter="somebody-else-altogether")
        await visitor.vote("2")
        with pytest.raises(gr.Error, match="its vote already"):
            await visitor.vote("1")

    asyncio.run(vote_often())
    assert len(list(votes)) == n_before + 1
    *_, vote = votes
    assert (vote.verdict, vote.was_blind) == (1, False)
    assert VOTER not in vote.model_dump_json()
    assert [column.name for column in vote.columns] == ["Echo", "Echo"]


def test_the_vote_notes_the_preferences_that_a_message_was_composed_from(house: tuple[gr.Blocks, VoteBox]) -> None:
    from janus_space.compose import Picks, load_hierarchy

    hierarchy = load_hierarchy()
    picked = [leaf.id for leaf in hierarchy.surprise(3)]
    composed = Picks(ids=tuple(picked)).system_message(hierarchy).text
    visitor = Visitor(house[0])
    form = asking("echo:", "echo:").model_copy(update={"system": composed})

    async def vote() -> None:
        await visitor.ask(form)
        await visitor.vote("tie")
        await visitor.trigger("new_conversation")
        await visitor.ask(form.model_copy(update={"system": "You teach students and complete beginners."}))
        await visitor.vote("tie")

    asyncio.run(vote())
    *_, first, second = house[1]
    assert first.columns[0].preferences == {name: hierarchy.leaves[name].dimension for name in picked}
    assert second.columns[0].preferences == {}
