"""The board: what was asked, how far each column is, and taking a turn back."""

from __future__ import annotations

from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.ui.board import Board

TWO = (Column(model="echo:"), Column(model="echo:"))


def asked(prompt: str, *earlier: Turn) -> Comparison:
    return Comparison(columns=TWO, turns=(*earlier, Turn(prompt=prompt)))


def done(column: int, text: str) -> ColumnEvent:
    return ColumnEvent(column=column, state="done", text=text)


def test_it_is_busy_until_every_column_has_ended() -> None:
    board = Board()
    board.begin(asked("Why?"), range(2), "run")
    assert board.is_busy
    board.take({0: done(0, "So.")})
    assert board.is_busy
    board.take({1: ColumnEvent(column=1, state="failed", note="no")})
    assert not board.is_busy


def test_the_next_turn_carries_what_was_answered_and_nothing_that_failed() -> None:
    board = Board()
    board.begin(asked("Why?"), range(2), "run")
    board.take({0: done(0, "So."), 1: ColumnEvent(column=1, state="failed", text="half an ans", note="cut off")})
    assert board.answered_turns() == (Turn(prompt="Why?", answers=("So.", None)),)


def test_a_retried_column_belongs_to_its_own_run() -> None:
    board = Board()
    board.begin(asked("Why?"), range(2), "first")
    board.begin(asked("Why?"), [1], "second")
    assert board.run_ids == {0: "first", 1: "second"}


def test_taking_back_returns_the_question_and_the_answers_before_it() -> None:
    board = Board()
    board.begin(asked("And then?", Turn(prompt="Why?", answers=("So.", None))), range(2), "run")
    assert board.take_back() == "And then?"
    assert board.answered_turns() == (Turn(prompt="Why?", answers=("So.", None)),)
    assert board.take_back() == "Why?"
    assert board == Board()
    assert board.take_back() == ""
