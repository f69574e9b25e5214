"""Best of N in Compare: one column answers several times, and a reward model that was trained here chooses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from data_gen.chat import ChatModel
from data_gen.errors import BadRequest, DataGenError
from janus_space.access import COLUMN_LETTERS
from janus_space.best_of import MOST_SAMPLES, Sample, best_of
from janus_space.comparison import Column
from janus_space.errors import SpaceError
from janus_space.jobs import Jobs
from janus_space.playground import Run, Runs
from janus_space.rewards import RewardModel
from janus_space.training import reward_models
from janus_space.ui import wording
from janus_space.ui.best_of_wording import HINT, NO_JUDGE, ranked
from janus_space.ui.board import Board
from janus_space.ui.events import listen
from janus_space.ui.keyed import live_status
from trainer.errors import TrainerError

ModelFor = Callable[[Column, str], ChatModel]
Updates = dict[Any, Any]
_USUAL_COUNT = 4


class BestOfView(NamedTuple):
    """The components of the drawer."""

    drawer: gr.Accordion
    hint: gr.HTML
    judge: gr.Dropdown
    column: gr.Radio
    count: gr.Slider
    draw: gr.Button
    stop: gr.Button
    status: gr.HTML
    answers: gr.HTML
    run_id: gr.State


def build_best_of() -> BestOfView:
    """Lay out the drawer, closed."""
    columns = [(letter.upper(), index) for index, letter in enumerate(COLUMN_LETTERS)]
    with gr.Accordion("Best of several", open=False, elem_classes="drawer", elem_id="best-of") as drawer:
        hint = gr.HTML(HINT)
        with gr.Row(elem_classes="knobs"):
            judge = gr.Dropdown([], value=None, label="Judge", elem_id="best-of-judge", min_width=190)
            column = gr.Radio(columns, value=0, label="Column", elem_id="best-of-column", elem_classes="segmented")
            count = gr.Slider(2, MOST_SAMPLES, value=_USUAL_COUNT, step=1, label="Answers", elem_id="best-of-count")
        with gr.Row(elem_classes="button-row"):
            draw = gr.Button("Answer and choose", elem_id="best-of-draw", scale=0, min_width=230)
            stop = gr.Button("Stop", visible=False, size="sm", elem_classes="quiet")
        status = live_status()
        answers = gr.HTML(elem_id="best-of-answers")
    return BestOfView(drawer, hint, judge, column, count, draw, stop, status, answers, gr.State(""))


class Choosing(NamedTuple):
    """The listeners of the drawer."""

    view: BestOfView
    jobs: Jobs
    model_for: ModelFor
    runs: Runs

    def enter(self, judge: str | None) -> Updates:
        """Offer the reward models that there are now."""
        names = [(f"{job.name}, trained here", f"job:{job.name}") for job in reward_models(self.jobs)]
        known = {spec for _, spec in names}
        chosen = judge if judge in known else next(iter(spec for _, spec in names), None)
        view = self.view
        return {
            view.judge: gr.update(choices=names, value=chosen),
            view.hint: HINT if names else NO_JUDGE,
            view.draw: gr.update(interactive=bool(names)),
        }

    async def draw(
        self, board: Board, visitor: str, judge: str | None, column: int, count: int
    ) -> AsyncIterator[Updates]:
        """Draw answers of a column and let the judge choose."""
        board.must_not_be_blind()
        comparison, view = board.comparison, self.view
        if comparison is None or column >= len(comparison.columns):
            raise BadRequest("That column has not been asked yet: ask something first.")
        model = self.model_for(comparison.columns[column], visitor)
        judging = RewardModel.trained_here(self.jobs, judge or "")
        notes = asyncio.Queue[str | None]()
        conversation = comparison.conversation(column)
        work = asyncio.create_task(
            best_of(model, conversation, comparison.sampling, int(count), judging, notes.put_nowait)
        )
        work.add_done_callback(lambda _: notes.put_nowait(None))
        try:
            with self.runs.under_way() as run, _waking(run, work):
                yield {view.run_id: run.id, view.stop: gr.update(visible=True), view.draw: gr.update(interactive=False)}
                while (reason := await notes.get()) is not None:
                    yield {view.status: wording.working(reason)}
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        at_rest = {view.stop: gr.update(visible=False), view.draw: gr.update(interactive=True), view.status: ""}
        yield at_rest | self._outcome(work, COLUMN_LETTERS[column].upper(), judging.spec)

    def stop(self, run_id: str) -> None:
        """Give it up; what was drawn is lost."""
        if run := self.runs.get(run_id):
            run.stop()

    def _outcome(self, work: asyncio.Task[list[Sample]], column: str, judge: str) -> Updates:
        if work.cancelled():
            return {self.view.status: wording.note("stopped by you")}
        failure = work.exception()
        if isinstance(failure, (DataGenError, TrainerError, SpaceError)):
            return {self.view.status: wording.failed(str(failure))}
        return {self.view.answers: ranked(work.result(), column, judge)}


def wire_best_of(view: BestOfView, jobs: Jobs, model_for: ModelFor, board: gr.State, visitor: gr.State) -> None:
    """Register the listeners."""
    choosing = Choosing(view, jobs, model_for, Runs())
    asked = [board, visitor, view.judge, view.column, view.count]
    told = [view.run_id, view.draw, view.stop, view.status, view.answers]
    listen(view.drawer.expand, "best_of_enter", choosing.enter, [view.judge], [view.judge, view.hint, view.draw])
    listen(view.draw.click, "best_of", choosing.draw, asked, told)
    listen(view.stop.click, "best_of_stop", choosing.stop, [view.run_id])


def _waking(run: Run, work: asyncio.Task[Any]) -> Any:
    """Have a stop, from whatever thread it comes, end the work."""
    return run.waking(0, partial(asyncio.get_running_loop().call_soon_threadsafe, work.cancel))
