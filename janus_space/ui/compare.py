"""The Compare tab: who answers, what they are told, what is asked, and the answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from data_gen.chat import ChatModel
from janus_space.access import COLUMN_LETTERS
from janus_space.comparison import Column
from janus_space.compose import own_hierarchy
from janus_space.jobs import Jobs
from janus_space.playground import Runs
from janus_space.ui.answers import Answers, Toolbar, missing
from janus_space.ui.best_of import build_best_of, wire_best_of
from janus_space.ui.board import Board
from janus_space.ui.columns import build_columns, build_system_fields, model_dropdown
from janus_space.ui.events import listen
from janus_space.ui.examples import build_examples, examples, opening
from janus_space.ui.export_panel import build_export, wire_export
from janus_space.ui.form import DEFAULT_MODEL, RIVAL_MODEL, ROOM, ColumnForm, Form
from janus_space.ui.house import House
from janus_space.ui.influence import wire_influence
from janus_space.ui.models_panel import ModelsView, build_models, model_choices
from janus_space.ui.opening import wire_opening
from janus_space.ui.settings import build_settings, wire_key
from janus_space.ui.visitor_keys import VisitorKeys
from janus_space.ui.voting import NAME_VOTER_JS, VOTER_KEY, VOTER_SECRET, Voting, build_vote

AXES = [("Same model, different instructions", "systems"), ("Same instructions, different models", "models")]
NO_BASELINE = -1
STREAMS_AT_ONCE = 200
HIDES_LABEL = "Hide which is which until I vote"


class CompareView(NamedTuple):
    """What other tabs may use of this one."""

    fields: list[Any]
    """In the order of `form.FIELD_NAMES`."""
    visitor: gr.State
    keys: VisitorKeys
    voter: gr.BrowserState
    board: gr.State


def build(page: gr.Blocks, house: House, strip: gr.HTML) -> CompareView:
    """Lay out the tab and register its listeners; `strip` is where the page's head shows the attached GPUs."""
    machine = house.look()
    start = opening(house.start_model).fill(_first(house.start_model)).model_copy(update={"prompt": ""})
    choices = model_choices(machine, lambda spec: house.has_key(spec, {}), house.trained)
    keys = VisitorKeys()
    board, visitor = gr.State(Board()), gr.State("", delete_callback=keys.forget)
    voter = gr.BrowserState(storage_key=VOTER_KEY, secret=VOTER_SECRET)
    with gr.Column(elem_id="compare"):
        axis, count, *shared = _build_shared(start, choices)
        views = build_columns(choices, start.columns)
        vote = build_vote(house.votes)
        welcome, cards = build_examples()
        with gr.Column(visible=False, elem_id="after") as after:
            baseline = _build_differences()
            export = build_export()
            several = build_best_of()
        settings = build_settings(machine.gpus)
        table = build_models(machine, lambda spec: house.has_key(spec, {}))
        prompt, run, stop, edit, new, hides = _build_ask()
    own = [field for view in views for field in view.fields]
    fields = [prompt, axis, count, *shared, *own, *settings.sampling, settings.device]

    def model_for(column: Column, visitor_id: str) -> ChatModel:
        return house.models.chat_model(column.model, column.device, keys.of(visitor_id))

    hierarchy, _ = own_hierarchy(house.models.home)
    voting = Voting(vote, house.votes, hierarchy)
    bar = Toolbar(prompt, run, stop, edit, new, welcome, after)
    answers = Answers(model_for, Runs(), board, fields, views, bar, voting)
    dropdowns = [shared[0], *(view.fields[0] for view in views)]
    asked_by = [board, visitor, voter, hides, baseline]
    _wire_asking(answers, [*asked_by, *fields], cards)
    _wire_voting(page, answers, [board, voter, baseline])
    listen(baseline.change, "highlight", answers.highlight, [board, baseline], [view.transcript for view in views])
    wire_influence(house.models, hierarchy, board, [view.influence for view in views])
    wire_export(export, board, fields)
    wire_best_of(several, Jobs(house.models.home), model_for, board, visitor)
    wire_key(settings, house, visitor, keys, ModelsView(strip, table, dropdowns))
    wire_opening(page, house, answers, settings, ModelsView(strip, table, dropdowns))
    return CompareView(fields, visitor, keys, voter, board)


def _first(model: str) -> Form:
    """Begin with one model in all columns; where columns differ by model, the default meets its rival in the second."""
    rival = RIVAL_MODEL if model == DEFAULT_MODEL else model
    models = (model, rival, *(model,) * (ROOM - 2))
    return Form(model=model, columns=tuple(ColumnForm(model=one) for one in models))


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
    """Lay out the bar in which the question is asked, in the order of `Toolbar`, and the switch of blind mode."""
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
            hides = gr.Checkbox(False, label=HIDES_LABEL, container=False, elem_id="hides")
        gr.HTML("<p class='hint'><kbd>Ctrl</kbd> <kbd>Enter</kbd> runs, <kbd>Esc</kbd> stops</p>", elem_id="keys")
    return [prompt, run, stop, edit, new, hides]


def _wire_asking(answers: Answers, inputs: list[Any], cards: Sequence[gr.Button]) -> None:
    bar, board, outputs = answers.bar, inputs[0], answers.outputs
    listen(bar.run.click, "run", answers.run, inputs, outputs, validator=missing, at_once=STREAMS_AT_ONCE)
    listen(bar.stop.click, "stop_run", answers.stop, [board])
    listen(bar.edit.click, "edit", answers.edit, [board], outputs)
    listen(bar.new.click, "new_conversation", answers.new_conversation, [board], outputs)
    for column, (letter, view) in enumerate(zip(COLUMN_LETTERS, answers.views, strict=True)):
        listen(view.stop.click, f"stop_{letter}", partial(answers.stop_column, column), [board])
        retry = partial(answers.retry, column)
        listen(view.retry.click, f"retry_{letter}", retry, inputs, outputs, at_once=STREAMS_AT_ONCE)
    for number, (card, example) in enumerate(zip(cards, examples(), strict=True), 1):
        run_example = partial(answers.run_example, example)
        listen(card.click, f"example_{number}", run_example, inputs, outputs, at_once=STREAMS_AT_ONCE)


def _wire_voting(page: gr.Blocks, answers: Answers, inputs: list[Any]) -> None:
    view, outputs, voter = answers.voting.view, answers.outputs, inputs[1]
    listen(page.load, "name_voter", None, [voter], [voter], js=NAME_VOTER_JS)
    for column, button in enumerate(view.columns):
        listen(button.click, f"vote_{column + 1}", partial(answers.vote, column), inputs, outputs)
    listen(view.tie.click, "vote_tie", partial(answers.vote, "tie"), inputs, outputs)
    listen(view.bad.click, "vote_bad", partial(answers.vote, "both bad"), inputs, outputs)
