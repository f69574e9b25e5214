"""The Compare tab: who answers, what they are told, what is asked, and the answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from data_gen.chat import ChatModel
from janus_space.access import COLUMN_LETTERS
from janus_space.comparison import Column
from janus_space.playground import Runs
from janus_space.ui.answers import Answers, Toolbar, missing
from janus_space.ui.board import Board
from janus_space.ui.columns import build_columns, build_system_fields, model_dropdown
from janus_space.ui.events import listen
from janus_space.ui.examples import build_examples, examples
from janus_space.ui.export_panel import build_export, wire_export
from janus_space.ui.form import Form
from janus_space.ui.house import House
from janus_space.ui.models_panel import ModelsView, build_models, model_choices
from janus_space.ui.opening import wire_opening
from janus_space.ui.settings import build_settings, wire_key
from janus_space.ui.visitor_keys import VisitorKeys

AXES = [("Same model, different instructions", "systems"), ("Same instructions, different models", "models")]
NO_BASELINE = -1
STREAMS_AT_ONCE = 64


def build(page: gr.Blocks, house: House, strip: gr.HTML) -> None:
    """Lay out the tab and register its listeners; `strip` is where the page's head shows the attached GPUs."""
    machine = house.look()
    start = examples()[0].fill(Form(model=house.start_model)).model_copy(update={"prompt": ""})
    choices = model_choices(machine, lambda spec: house.has_key(spec, {}))
    keys = VisitorKeys()
    board, visitor = gr.State(Board()), gr.State("", delete_callback=keys.forget)
    with gr.Column(elem_id="compare"):
        axis, count, *shared = _build_shared(start, choices)
        views = build_columns(choices, start.columns)
        welcome, cards = build_examples()
        with gr.Column(visible=False, elem_id="after") as after:
            baseline = _build_differences()
            export = build_export()
        settings = build_settings(machine.gpus)
        table = build_models(machine, lambda spec: house.has_key(spec, {}))
        prompt, run, stop, edit, new = _build_ask()
    own = [field for view in views for field in view.fields]
    fields = [prompt, axis, count, *shared, *own, *settings.sampling, settings.device]

    def model_for(column: Column, visitor_id: str) -> ChatModel:
        return house.models.chat_model(column.model, column.device, keys.of(visitor_id))

    answers = Answers(model_for, Runs(), board, fields, views, Toolbar(prompt, run, stop, edit, new, welcome, after))
    dropdowns = [shared[0], *(view.fields[0] for view in views)]
    _wire_asking(answers, [board, visitor, baseline, *fields], cards)
    listen(baseline.change, "highlight", answers.highlight, [board, baseline], [view.transcript for view in views])
    wire_export(export, board, fields)
    wire_key(settings, house, visitor, keys, ModelsView(strip, table, dropdowns))
    wire_opening(page, house, answers, settings, ModelsView(strip, table, dropdowns))


def _build_shared(start: Form, choices: Sequence[tuple[str, str]]) -> list[Any]:
    """Lay out what all columns have in common, in the order of `form.SHARED_FIELDS` after the prompt."""
    with gr.Row(elem_id="switches"):
        axis = gr.Radio(AXES, value=start.axis, label="What differs", elem_id="axis", elem_classes="segmented")
        count = gr.Radio(
            ["2", "3", "4"], value=str(start.count), label="Columns", elem_id="count", elem_classes="segmented"
        )
        model = model_dropdown(choices, start.model, elem_id="shared-model")
    with gr.Column(elem_id="shared-system"):
        system, sends_none = build_system_fields(start.system, sends_none=start.sends_none)
    return [axis, count, model, system, sends_none]


def _build_differences() -> gr.Radio:
    columns = [(letter.upper(), index) for index, letter in enumerate(COLUMN_LETTERS)]
    return gr.Radio(
        [("Off", NO_BASELINE), *columns],
        value=NO_BASELINE,
        label="Highlight words that differ from column",
        elem_id="differences",
        elem_classes="segmented",
    )


def _build_ask() -> list[Any]:
    """Lay out the bar in which the question is asked, in the order of `Toolbar`."""
    with gr.Column(elem_id="ask"):
        with gr.Row(elem_id="question"):
            prompt = gr.Textbox(
                label="Ask something",
                placeholder="Your question goes to every column",
                lines=2,
                max_lines=8,
                elem_id="prompt",
            )
            with gr.Column(elem_id="ask-buttons", min_width=110, scale=0):
                run = gr.Button("Run", variant="primary", elem_id="run")
                stop = gr.Button("Stop", interactive=False, elem_id="stop")
        with gr.Row(elem_classes="button-row"):
            edit = gr.Button("Edit last question", size="sm", visible=False, elem_classes="quiet")
            new = gr.Button("New conversation", size="sm", visible=False, elem_classes="quiet")
        gr.HTML("<p class='hint'><kbd>Ctrl</kbd> <kbd>Enter</kbd> runs, <kbd>Esc</kbd> stops</p>", elem_id="keys")
    return [prompt, run, stop, edit, new]


def _wire_asking(answers: Answers, inputs: list[Any], cards: Sequence[gr.Button]) -> None:
    bar, board, outputs = answers.bar, inputs[0], answers.outputs
    listen(bar.run.click, "run", answers.run, inputs, outputs, validator=missing, at_once=STREAMS_AT_ONCE)
    listen(bar.stop.click, "stop", answers.stop, [board])
    listen(bar.edit.click, "edit", answers.edit, [board], outputs)
    listen(bar.new.click, "new_conversation", answers.new_conversation, [board], outputs)
    for column, (letter, view) in enumerate(zip(COLUMN_LETTERS, answers.views, strict=True)):
        listen(view.stop.click, f"stop_{letter}", partial(answers.stop_column, column), [board])
        retry = partial(answers.retry, column)
        listen(view.retry.click, f"retry_{letter}", retry, inputs, outputs, at_once=STREAMS_AT_ONCE)
    for number, (card, example) in enumerate(zip(cards, examples(), strict=True), 1):
        run_example = partial(answers.run_example, example)
        listen(card.click, f"example_{number}", run_example, inputs, outputs, at_once=STREAMS_AT_ONCE)
