"""The Grid tab: several messages, one question, and which message explains which answer best."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from data_gen.chat import ChatModel
from data_gen.errors import BadRequest, DataGenError
from janus_space.comparison import Column
from janus_space.errors import SpaceError
from janus_space.grid import grid
from janus_space.playground import Runs
from janus_space.scorer import Scorer
from janus_space.ui import grid_wording, wording
from janus_space.ui.board import Board
from janus_space.ui.columns import BEHAVE_LABEL, model_dropdown
from janus_space.ui.compare import CompareView
from janus_space.ui.events import listen
from janus_space.ui.examples import examples
from janus_space.ui.form import ROOM, Form
from janus_space.ui.grid_board import GridBoard, asked
from janus_space.ui.grid_export import as_csv, as_json
from janus_space.ui.house import House
from janus_space.ui.keyed import keyed_buttons, live_status
from janus_space.ui.models_panel import model_choices
from trainer.errors import TrainerError

INTRO = """
<h2>Which message wrote this answer?</h2>
<p>One question is answered under each of several system messages. Then a model tells how likely it finds each answer
under each message. A model that follows its messages writes answers that its own message explains best: they win the
diagonal.</p>
"""
ITSELF = ("Each model scores its own answers", "")
NO_SECOND = ("No second model", "")
_AT_ONCE = 64
Updates = dict[Any, Any]


class GridView(NamedTuple):
    """The fields, in the order that `asked_by` gives them to listeners, and what they fill."""

    scorer: gr.Dropdown
    count: gr.Radio
    models: list[gr.Dropdown]
    prompt: gr.Textbox
    systems: list[gr.Textbox]
    take_over: gr.Button
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    maps: gr.HTML
    answer: gr.HTML
    json: gr.Button
    csv: gr.Button
    code: gr.Code

    @property
    def asked_by(self) -> list[Any]:
        return [self.scorer, self.count, *self.models, self.prompt, *self.systems]


class Gridding:
    """The listeners of the tab."""

    def __init__(self, view: GridView, house: House, compared: CompareView) -> None:
        self.view = view
        self.models = house.models
        self.keys = compared.keys
        self.runs = Runs()

    async def run(
        self,
        board: GridBoard,
        visitor: str,
        scorer: str | None,
        count: str | None,
        first: str | None,
        second: str | None,
        prompt: str | None,
        *systems: str | None,
    ) -> AsyncIterator[Updates]:
        """Have every message answered and every answer scored, and fill the maps as that comes along."""
        comparison = asked([first, second], systems[: int(count or 2)], prompt)
        view = self.view

        def model_for(column: Column) -> ChatModel:
            return self.models.chat_model(column.model, column.device, self.keys.of(visitor))

        def scorer_for(model: str) -> Scorer:
            return Scorer.of(self.models, (scorer or "").strip() or model)

        complaint = ""
        with self.runs.under_way() as run:
            board.begin(comparison, run.id)
            yield self._shown(board, is_busy=True) | {view.answer: "", view.code: gr.update(visible=False)}
            try:
                async with aclosing(grid(comparison, model_for, scorer_for, run)) as events:
                    async for event in events:
                        if board.run_id != run.id:
                            return  # another grid was begun meanwhile
                        if board.take(event):
                            yield self._shown(board, is_busy=True)
            except (DataGenError, TrainerError, SpaceError) as error:
                complaint = wording.failed(str(error))
            is_stopped = run.is_stopped(0)
        told = wording.note("stopped by you") if is_stopped else ""
        yield self._shown(board, is_busy=False) | {view.status: complaint or told}

    def stop(self, board: GridBoard) -> None:
        """Give the grid up; what is scored already stays."""
        if run := self.runs.get(board.run_id):
            run.stop()

    def show_answer(self, data: Mapping[str, Any], board: GridBoard) -> str:
        """Show the answer behind a cell."""
        for column in board.rows:
            for message, _ in enumerate(board.beside(column)):
                if data.get("key") == f"{column}-{message}":
                    return grid_wording.behind(board, column, message)
        raise BadRequest("This cell is not there any more: fill the grid again.")

    def take_over(self, compared: Board, *values: Any) -> Updates:
        """Fill the fields from the Compare tab's columns."""
        view, form = self.view, Form.of_values(values)
        columns = [form.column(index) for index in range(form.count)]
        models = list(dict.fromkeys(column.model for column in columns))[: len(view.models)]
        systems = list(dict.fromkeys(column.system for column in columns if column.system))
        if len(systems) < 2:
            raise BadRequest("The columns of Compare share one system message, and a grid takes two: write another.")
        prompt = form.prompt or (compared.comparison.turns[-1].prompt if compared.comparison else "")
        filled = [*systems, *[""] * (ROOM - len(systems))]
        return {
            view.count: str(len(systems)),
            **dict(zip(view.models, [*models, ""], strict=False)),
            **dict(zip(view.systems, filled, strict=True)),
            **({view.prompt: prompt} if prompt.strip() else {}),
        }

    def exported(self, language: str, board: GridBoard) -> Any:
        """Write the grid out."""
        text = as_json(board) if language == "json" else as_csv(board)
        return gr.update(value=text, language="json" if language == "json" else None, visible=True)

    def _shown(self, board: GridBoard, *, is_busy: bool) -> Updates:
        view = self.view
        return {
            view.run: gr.update(interactive=not is_busy),
            view.stop: gr.update(interactive=is_busy),
            view.status: wording.working(grid_wording.progress(board)) if is_busy else "",
            view.maps: grid_wording.heat_maps(board),
        }


def build(house: House, compared: CompareView) -> None:
    """Lay out the tab and register its listeners."""
    board = gr.State(GridBoard())
    view = _build_view(
        model_choices(house.look(), lambda spec: house.has_key(spec, {}), house.trained), house.start_model
    )
    gridding = Gridding(view, house, compared)
    shown = [view.run, view.stop, view.status, view.maps, view.answer, view.code]
    listen(view.run.click, "grid_run", gridding.run, [board, compared.visitor, *view.asked_by], shown, at_once=_AT_ONCE)
    listen(view.stop.click, "grid_stop", gridding.stop, [board])
    listen(view.maps.select, "grid_answer", gridding.show_answer, [board], [view.answer])
    taken = [compared.board, *compared.fields]
    listen(view.take_over.click, "grid_take_over", gridding.take_over, taken, view.asked_by[1:])
    for language, button in (("json", view.json), ("csv", view.csv)):
        listen(button.click, f"grid_export_{language}", partial(gridding.exported, language), [board], [view.code])


def _build_view(choices: Sequence[tuple[str, str]], start_model: str) -> GridView:
    first, second = (column.system for column in examples()[0].fill(Form()).columns[:2])
    with gr.Column(elem_id="grid"):
        gr.HTML(INTRO, elem_id="grid-intro")
        with gr.Row(elem_id="grid-switches"):
            count = gr.Radio(
                ["2", "3", "4"], value="2", label="Messages", elem_id="grid-count", elem_classes="segmented"
            )
            take_over = gr.Button("Take over from Compare", size="sm", elem_classes="quiet")
        with gr.Row(elem_classes="grid-models"):
            models = [
                model_dropdown(choices, start_model),
                gr.Dropdown([NO_SECOND, *choices], value="", label="Second model", allow_custom_value=True),
            ]
            scorer = gr.Dropdown([ITSELF, *choices], value="", label="Scored by", allow_custom_value=True)
        with gr.Row(elem_classes="grid-messages"):
            systems = [
                gr.Textbox(
                    text,
                    label=f"Message {place}",
                    placeholder=f"{BEHAVE_LABEL} You are …",
                    lines=3,
                    max_lines=8,
                    min_width=240,
                    elem_classes=f"grid-message-{place}",
                )
                for place, text in enumerate([first, second, *[""] * (ROOM - 2)], 1)
            ]
        prompt = gr.Textbox(
            examples()[0].prompt, label="Question", placeholder="Every message answers it", lines=1, max_lines=6
        )
        with gr.Row(elem_classes="button-row"):
            run = gr.Button("Fill the grid", variant="primary", size="sm", elem_id="grid-run", scale=0, min_width=130)
            stop = gr.Button("Stop", size="sm", interactive=False, elem_id="grid-stop", scale=0, min_width=80)
        status = live_status()
        maps = keyed_buttons("", elem_id="grid-maps")
        answer = live_status(elem_id="grid-answer")
        with gr.Accordion("Export", open=False, elem_classes="drawer"):
            with gr.Row(elem_classes="button-row"):
                json, csv = (gr.Button(label, size="sm", elem_classes="quiet") for label in ("JSON", "CSV"))
            code = gr.Code(label="Grid", interactive=False, visible=False, max_lines=24, wrap_lines=True)
    return GridView(scorer, count, models, prompt, systems, take_over, run, stop, status, maps, answer, json, csv, code)
