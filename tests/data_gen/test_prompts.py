"""Prompt files: their slots are filled, and what fills them is not read as slots."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_gen.errors import BadRequest
from data_gen.prompts import Prompts, fill


def test_a_slot_takes_any_text_as_it_stands() -> None:
    text = "Costs $text and {braces} and $5."
    assert text in fill("smooth", text=text)


def test_a_slot_without_text_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill("smooth")


def test_a_folder_can_hold_prompts_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "smooth.md").write_text("Mine: $text, for $$5\n")
    own = Prompts(tmp_path)
    assert own.fill("smooth", text="x") == "Mine: x, for $5"
    assert own.fill("response", system="Be kind.") == fill("response", system="Be kind.")
    assert own.sha256("smooth") != Prompts().sha256("smooth")
    assert own.sha256("response") == Prompts().sha256("response")


@pytest.mark.parametrize("text", ["$text $other", "costs 5$"])
def test_a_wrong_slot_of_ones_own_is_told_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "smooth.md").write_text(text)
    with pytest.raises(BadRequest, match=r"smooth\.md has an unknown slot .* it may hold \$text"):
        Prompts(tmp_path).fill("smooth", text="x")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="There is no folder"):
        Prompts(tmp_path / "gone")
