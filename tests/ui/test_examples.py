"""The ready examples can be asked as they are."""

from __future__ import annotations

from janus_space.ui.examples import examples
from janus_space.ui.form import Form


def test_every_example_is_complete_and_keeps_the_visitor_s_model() -> None:
    assert 4 <= len(examples()) <= 6
    for example in examples():
        comparison = example.fill(Form(model="echo:", device="cpu")).comparison()
        assert comparison.turns[0].prompt == example.prompt
        assert tuple(column.system for column in comparison.columns) == example.systems
        assert {(column.model, column.device) for column in comparison.columns} == {("echo:", "cpu")}
