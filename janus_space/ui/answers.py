"""The listeners that ask: run, stop, retry, edit. They read the form, drive the playground and update the columns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import gradio as gr

from data_gen.chat import ChatModel
from data_gen.errors import BadRequest
from janus_space import playground
from janus_space.ballots import Ballot
from janus_space.comparison import Column, ColumnEvent
from janus_space.playground import Runs
from janus_space.ui import wording
from janus_space.ui.board import Board
from janus_space.ui.columns import ColumnView, show, show_text
from janus_space.ui.examples import Example
from janus_space.ui.form import FIELD_NAMES, Form, seed_of
from janus_space.ui.voting import Voting
from janus_space.votes import Verdict

Updates = dict[Any, Any]
ModelFor = Callable[[Column, str], ChatModel]


class Toolbar(NamedTuple):
    """The components around the columns that follow what is under way."""

    prompt: gr.Textbox
    run: gr.Button
    stop: gr.Button
    edit: gr.Button
    new: gr.Button
    welcome: gr.Column
    after: gr.Column


class Answers:
    """The asking half of the Compare page.

    Every listener takes what `asked_by` names first, then the form's fields.
    """

    def __init__(
        self,
        model_for: ModelFor,
        runs: Runs,
        board: gr.State,
        fields: Sequence[Any],
        views: Sequence[ColumnView],
        bar: Toolbar,
        voting: Voting,
    ) -> None:
        self.model_for = model_for
        self.runs = runs
        self.board = board
        self.fields = fields
        self.views = views
        self.bar = bar
        self.voting = voting

    @property
    def outputs(self) -> list[Any]:
        """Everything that a listener here may update."""
        shown = [part for view in self.views for part in (*view, *view.influence) if isinstance(part, gr.blocks.Block)]
        return [self.board, *self.fields, *shown, *self.bar[1:], *self.voting.outputs]

    async def run(
        self, board: Board, visitor: str, voter: Any, hides: bool, baseline: int, *values: Any
    ) -> AsyncIterator[Updates]:
        """Ask the question of every shown column, after the turns that were asked before."""
        form = Form.of_values(values)
        ballot = self.voting.ballot(board, form, voter, hides)
        async for updates in self._answer(board, visitor, baseline, ballot, range(form.count)):
            yield updates

    async def run_example(
        self, example: Example, board: Board, visitor: str, voter: Any, hides: bool, baseline: int, *values: Any
    ) -> AsyncIterator[Updates]:
        """Fill an example into the form and ask it at once."""
        form = example.fill(Form.of_values(values))
        yield dict(zip(self.fields, form.values(), strict=True))
        board.clear()
        ballot = self.voting.ballot(board, form, voter, hides)
        async for updates in self._answer(board, visitor, baseline, ballot, range(form.count)):
            yield updates

    async def retry(
        self, column: int, board: Board, visitor: str, voter: Any, hides: bool, baseline: int, *values: Any
    ) -> AsyncIterator[Updates]:
        """Ask one column again, as its fields say now; the others keep their answers."""
        board.must_not_be_blind()
        if board.comparison is None:
            return
        form = Form.of_values(values)
        columns = list(board.comparison.columns)
        columns[column] = form.column(column)
        comparison = board.comparison.model_copy(update={"columns": tuple(columns), "sampling": form.sampling})
        ballot = self.voting.ballot_of_retry(comparison, voter)
        async for updates in self._answer(board, visitor, baseline, ballot, [column]):
            yield updates

    def stop(self, board: Board) -> None:
        """Stop every column; each says so itself."""
        for run_id in set(board.run_ids.values()):
            if run := self.runs.get(run_id):
                run.stop()

    def stop_column(self, column: int, board: Board) -> None:
        """Stop one column and leave the others alone."""
        if run := self.runs.get(board.run_ids.get(column, "")):
            run.stop(column)

    def edit(self, board: Board) -> Updates:
        """Put the last question back into the box and take its turn back."""
        self.stop(board)
        prompt = board.take_back()
        return self.show_board(board) | {self.bar.prompt: prompt}

    def new_conversation(self, board: Board) -> Updates:
        """Forget what was asked; the columns keep their instructions."""
        self.stop(board)
        board.clear()
        return self.show_board(board)

    async def vote(self, verdict: Verdict, board: Board, voter: Any, baseline: int) -> Updates:
        """Count a vote and show who is who."""
        await self.voting.cast(verdict, board, voter)
        return self.show_board(board, baseline)

    def highlight(self, board: Board, baseline: int) -> Updates:
        """Mark the words that differ from the baseline column, or none."""
        board.must_not_be_blind()
        return {view.transcript: show_text(board, column, baseline) for column, view in enumerate(self.views)}

    async def _answer(
        self, board: Board, visitor: str, baseline: int, ballot: Ballot, columns: Sequence[int]
    ) -> AsyncIterator[Updates]:
        comparison = ballot.shown
        in_use = range(max(len(one.columns) for one in (board.comparison, comparison) if one))
        with self.runs.under_way() as run:
            board.begin(comparison, columns, run.id)
            board.hold(ballot)
            yield self.show_board(board, columns=in_use) | {self.bar.prompt: ""}
            events = playground.compare(comparison, lambda column: self.model_for(column, visitor), run, columns)
            async with aclosing(playground.paced(events, self.runs.updates_per_second)) as batches:
                async for batch in batches:
                    if run.id not in board.run_ids.values():
                        return  # taken back or begun anew meanwhile
                    if updates := self._changes(board, batch):
                        yield updates
        # What can be done with an answer, and the words that differ, are known only when all columns have ended.
        yield self.show_board(board, baseline, in_use)

    def _changes(self, board: Board, batch: Mapping[int, ColumnEvent]) -> Updates:
        """Update the columns that changed, and of these only what changed."""
        before, reach_before = dict(board.events), board.reach
        board.take(batch)
        if board.is_blind:
            return self._blind_changes(board) if board.reach != reach_before else {}
        updates: Updates = {}
        for column, event in batch.items():
            if event.is_final:
                updates |= show(self.views, board, [column])
                continue
            updates[self.views[column].transcript] = show_text(board, column)
            if (event.state, event.note) != (before[column].state, before[column].note):
                updates[self.views[column].status] = wording.status(event)
        return updates

    def _blind_changes(self, board: Board) -> Updates:
        """Let all columns grow by the same number of characters, and end in the same moment."""
        if board.is_busy:
            return {self.views[column].transcript: show_text(board, column) for column in board.events}
        return show(self.views, board, board.events)

    def show_board(self, board: Board, baseline: int = -1, columns: Sequence[int] | None = None) -> Updates:
        """Bring the page up to what the board holds, all columns or only the given ones."""
        has_turns = board.comparison is not None
        bar = self.bar
        return show(self.views, board, range(len(self.views)) if columns is None else columns, baseline) | {
            self.board: board,
            bar.run: gr.update(interactive=not board.is_busy),
            bar.stop: gr.update(interactive=board.is_busy),
            bar.edit: gr.update(visible=has_turns),
            bar.new: gr.update(visible=has_turns),
            bar.welcome: gr.update(visible=not has_turns),
            bar.after: gr.update(visible=has_turns and not board.is_blind),
            **self.voting.show(board),
        }


def missing(board: Board, visitor: str, voter: Any, hides: bool, baseline: int, *values: Any) -> list[dict[str, Any]]:
    """Say at each field what is missing before anything is asked (Gradio's validator of Run)."""
    problems = _problems(values)
    fine = [gr.validate(True, "")] * 5
    return [*fine, *(gr.validate(name not in problems, problems.get(name, "")) for name in FIELD_NAMES)]


def _problems(values: Sequence[Any]) -> dict[str, str]:
    try:
        seed_of(values[FIELD_NAMES.index("seed")])
    except BadRequest as error:
        return {"seed": str(error)}
    return Form.of_values(values).problems()
