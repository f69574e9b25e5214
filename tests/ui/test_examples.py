"""The ready examples can be asked as they are."""

from __future__ import annotations

from janus_space.ui.examples import examples, opening
from janus_space.ui.form import DEFAULT_MODEL, RIVAL_MODEL, ROOM, ColumnForm, Form


def test_every_example_is_complete_and_keeps_the_visitor_s_model() -> None:
    assert 4 <= len(examples()) <= 6
    for example in examples():
        if example.models:
            continue
        comparison = example.fill(Form(model="echo:", device="cpu")).comparison()
        assert comparison.turns[0].prompt == example.prompt
        assert tuple(column.system for column in comparison.columns) == example.systems
        assert {(column.model, column.device) for column in comparison.columns} == {("echo:", "cpu")}


def test_an_example_of_models_sends_one_message_to_each() -> None:
    (example,) = [one for one in examples() if one.models]
    form = Form(model="echo:", columns=(ColumnForm(model="echo:"),) * ROOM)
    comparison = example.fill(form).comparison()
    assert tuple(column.model for column in comparison.columns) == example.models
    assert {column.system for column in comparison.columns} == set(example.systems)


def test_an_example_of_messages_leaves_each_column_its_model() -> None:
    form = Form(columns=tuple(ColumnForm(model=f"path:/{letter}") for letter in "abcd"))
    assert [column.model for column in examples()[0].fill(form).columns] == [f"path:/{letter}" for letter in "abcd"]


def test_the_page_opens_on_the_trained_model_beside_its_base_unless_another_was_asked_for() -> None:
    first = opening(DEFAULT_MODEL).fill(Form()).columns[:2]
    assert [column.model for column in first] == [DEFAULT_MODEL, RIVAL_MODEL]
    assert opening("echo:") is examples()[0]
