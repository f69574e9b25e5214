"""A composed message reaches the columns that were asked for, whatever they shared before."""

from __future__ import annotations

import pytest

from data_gen.errors import BadRequest
from janus_space.comparison import MAX_TEXT
from janus_space.ui.form import ColumnForm, Form
from janus_space.ui.use_in_compare import put, told

FORM = Form(prompt="Why?", model="echo:", columns=(ColumnForm(model="echo:", system="Old.", sends_none=True),) * 4)


def systems(form: Form) -> list[str | None]:
    return [column.system for column in form.comparison().columns]


def test_one_column_takes_it_and_the_others_keep_theirs() -> None:
    assert systems(put(FORM, "New.", [1])) == [None, "New."]


def test_a_column_that_was_hidden_comes_into_sight() -> None:
    form = put(FORM, "New.", [2])
    assert form.count == 3
    assert systems(form)[2] == "New."
    assert put(form, "New.", [0]).count == 3


def test_where_the_message_is_shared_one_column_becomes_an_exception() -> None:
    shared = FORM.model_copy(update={"axis": "models", "system": "Shared."})
    form = put(shared, "New.", [0])
    assert systems(form) == ["New.", "Shared."]
    assert [column.is_override for column in form.columns] == [True, False, False, False]


@pytest.mark.parametrize("axis", ["systems", "models"])
def test_all_columns_take_it_on_either_axis(axis: str) -> None:
    form = put(FORM.model_copy(update={"axis": axis, "count": 4}), "New.", range(4))
    assert systems(form) == ["New."] * 4
    assert not any(column.is_override for column in form.columns)


@pytest.mark.parametrize(
    ("text", "told_why"), [(" \n", "no message yet"), ("x" * (MAX_TEXT + 1), "longer than 32,000")]
)
def test_what_cannot_be_sent_is_refused(text: str, told_why: str) -> None:
    with pytest.raises(BadRequest, match=told_why):
        put(FORM, text, [0])


def test_where_it_went_is_said() -> None:
    assert told([1]) == "Column B has this message now."
    assert told(range(4)) == "All columns have this message now."
