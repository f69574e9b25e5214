"""Prompt files: their slots are filled, and what fills them is not read as slots."""

from __future__ import annotations

import pytest

from data_gen.prompts import fill


def test_a_slot_takes_any_text_as_it_stands() -> None:
    text = "Costs $text and {braces} and $5."
    assert text in fill("smooth", text=text)


def test_a_slot_without_text_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill("smooth")
