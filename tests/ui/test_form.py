"""The form: from fields to a comparison and back, and what it refuses to send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_gen.chat import Sampling
from data_gen.errors import BadRequest
from janus_space.comparison import MAX_TEXT, Column, Comparison, Turn
from janus_space.ui.form import FIELD_NAMES, ColumnForm, Form

FILLED = Form(
    prompt="Why?",
    model="echo:",
    system="Shared.",
    columns=tuple(ColumnForm(model=f"hf:a/{letter}", system=f"Own {letter}.") for letter in "ABCD"),
)

systems = st.none() | st.text(min_size=1).filter(str.strip)
columns = st.builds(Column, model=st.sampled_from(["echo:", "hf:a/b", "openai:x"]), system=systems)
samplings = st.builds(Sampling, temperature=st.floats(0, 2), seed=st.none() | st.integers(0, 9), stop=st.just(("END",)))


def test_fields_come_back_as_they_were() -> None:
    form = FILLED.model_copy(update={"count": 3, "sampling": Sampling(seed=7, stop=("a", "b")), "device": "cuda:1"})
    assert len(form.values()) == len(FIELD_NAMES)
    assert Form.of_values(form.values()) == form


@given(st.lists(columns, min_size=2, max_size=4), st.text(min_size=1).filter(str.strip), samplings)
def test_a_comparison_survives_the_form(columns: list[Column], prompt: str, sampling: Sampling) -> None:
    comparison = Comparison(columns=tuple(columns), turns=(Turn(prompt=prompt),), sampling=sampling)
    assert Form.of_comparison(comparison).comparison() == comparison


@pytest.mark.parametrize(("typed", "seed"), [("", None), (None, None), (" 7 ", 7), (0, 0), ("9" * 30, 2**31 - 1)])
def test_a_seed_is_a_number_or_nothing(typed: object, seed: int | None) -> None:
    values = dict(zip(FIELD_NAMES, FILLED.values(), strict=True)) | {"seed": typed}
    assert Form.of_values(list(values.values())).sampling.seed == seed


def test_a_seed_in_words_is_refused_with_a_sentence() -> None:
    values = dict(zip(FIELD_NAMES, FILLED.values(), strict=True)) | {"seed": "lucky"}
    with pytest.raises(BadRequest, match="The seed is 'lucky': write a whole number"):
        Form.of_values(list(values.values()))


def test_along_systems_the_model_is_shared() -> None:
    assert FILLED.comparison().columns == (
        Column(model="echo:", system="Own A."),
        Column(model="echo:", system="Own B."),
    )


def test_along_models_the_system_message_is_shared() -> None:
    form = FILLED.model_copy(update={"axis": "models"})
    assert form.comparison().columns == (
        Column(model="hf:a/A", system="Shared."),
        Column(model="hf:a/B", system="Shared."),
    )


@pytest.mark.parametrize("axis", ["systems", "models"])
def test_an_override_has_both_of_its_own(axis: str) -> None:
    first = FILLED.columns[0].model_copy(update={"is_override": True})
    form = FILLED.model_copy(update={"axis": axis, "columns": (first, *FILLED.columns[1:])})
    assert form.column(0) == Column(model="hf:a/A", system="Own A.")


def test_what_is_missing_is_named_at_its_field() -> None:
    form = Form(model=" ", count=3, columns=(ColumnForm(sends_none=True), ColumnForm(), ColumnForm(), ColumnForm()))
    assert set(form.problems()) == {"prompt", "model", "system_B", "system_C"}
    with pytest.raises(BadRequest, match="Write a question first"):
        form.comparison()


def test_a_text_that_is_too_long_is_named_at_its_field() -> None:
    form = FILLED.model_copy(update={"prompt": "x" * (MAX_TEXT + 1), "axis": "models", "system": "x" * (MAX_TEXT + 1)})
    assert set(form.problems()) == {"prompt", "system"}


def test_hidden_columns_are_not_asked_for_anything() -> None:
    form = FILLED.model_copy(update={"columns": (*FILLED.columns[:2], ColumnForm(), ColumnForm())})
    assert form.problems() == {}


@pytest.mark.parametrize(("name", "value"), [("axis", "sideways"), ("count", "9"), ("count", None), ("model_A", 5)])
def test_values_of_no_field_are_refused(name: str, value: object) -> None:
    values = FILLED.values()
    values[FIELD_NAMES.index(name)] = value
    with pytest.raises(BadRequest, match="reload the page"):
        Form.of_values(values)


def test_emptied_fields_are_fine() -> None:
    filled = dict(zip(FIELD_NAMES, FILLED.values(), strict=True))
    emptied = [value if name in ("axis", "count") else None for name, value in filled.items()]
    form = Form.of_values(emptied)
    assert form.prompt == form.model == form.columns[0].system == ""
    assert form.sampling == Sampling()
