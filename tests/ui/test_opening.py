"""What a page opens with."""

from __future__ import annotations

import pytest

from janus_space.comparison import Column, Comparison, Turn
from janus_space.share import to_code
from janus_space.ui.board import Board
from janus_space.ui.form import Form
from janus_space.ui.opening import opened

DRAFT = Form(prompt="Drafted?", system="Be kind.")
SHARED = Comparison(
    columns=(Column(model="echo:", system="A."), Column(model="echo:", system=None)),
    turns=(Turn(prompt="First?", answers=("One.", None)), Turn(prompt="Second?")),
)


def test_a_link_goes_before_the_draft_and_brings_its_conversation() -> None:
    form, board, complaint = opened({"c": to_code(SHARED, include_answers=True)}, DRAFT.values())
    assert form is not None
    assert form.prompt == "Second?"
    assert form.comparison(board.answered_turns()) == SHARED
    assert complaint is None


def test_a_bad_link_falls_back_to_the_draft_with_one_sentence() -> None:
    form, board, complaint = opened({"c": "1nonsense"}, DRAFT.values())
    assert (form, board) == (DRAFT, Board())
    assert complaint is not None
    assert "damaged" in complaint


@pytest.mark.parametrize("draft", [None, "", [], [1, 2, 3], {"prompt": "x"}, [None] * 28, [None] * 29])
def test_what_is_no_draft_leaves_the_defaults(draft: object) -> None:
    assert opened({}, draft) == (None, Board(), None)
