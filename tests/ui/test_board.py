"""The board: what was asked, how far each column is, and taking a turn back."""

from __future__ import annotations

import pytest

from janus_space.ballots import Ballot
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.errors import VoteRefused
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


THREE = (Column(model="echo:", system="A."), Column(model="echo:", system="B."), Column(model="echo:", system="C."))


def blind(*earlier: Turn) -> Board:
    """Show columns A, B and C in the places 2, 3 and 1."""
    asked = Comparison(columns=THREE, turns=(*earlier, Turn(prompt="Why?")))
    ballot = next(one for seed in range(99) if (one := Ballot.shuffled(asked, "me", seed=seed)).order == (2, 0, 1))
    board = Board()
    board.begin(ballot.shown, range(3), "run")
    board.hold(ballot)
    return board


def test_while_blind_no_answer_runs_ahead_of_the_slowest() -> None:
    board = blind()
    assert board.reach == 0
    board.take({0: done(0, "All is said."), 1: ColumnEvent(column=1, state="streaming", text="Yes"), 2: done(2, "No")})
    assert board.reach == 2
    board.take({1: done(1, "Yes and no.")})
    assert board.reach is None


def test_a_stop_while_blind_cuts_every_answer_to_what_was_seen() -> None:
    board = blind()
    board.take({0: done(0, "fast and finished"), 1: ColumnEvent(column=1, state="streaming", text="slow")})
    board.take({2: ColumnEvent(column=2, state="streaming", text="middling")})
    board.take({1: ColumnEvent(column=1, state="stopped", text="slowly"), 2: done(2, "middling and finished")})
    assert [(board.events[column].text, board.events[column].state) for column in range(3)] == [
        ("fast", "stopped"),
        ("slow", "stopped"),
        ("midd", "stopped"),
    ]


def test_what_an_open_run_said_is_not_cut_by_a_stop() -> None:
    board = Board()
    board.begin(asked("Why?"), range(2), "run")
    board.take({0: done(0, "fast and finished"), 1: ColumnEvent(column=1, state="stopped", text="slow")})
    assert board.events[0] == done(0, "fast and finished")


def test_the_reveal_puts_columns_answers_and_runs_back_where_the_form_has_them() -> None:
    board = blind(Turn(prompt="Before?", answers=("a", "b", "c")))
    assert board.comparison is not None
    assert board.comparison.turns[0].answers == ("c", "a", "b")
    board.take({column: done(column, text) for column, text in enumerate(("of C", "of A", "of B"))})
    with pytest.raises(VoteRefused, match="opens with your vote"):
        board.must_not_be_blind()
    board.reveal((2, 0, 1))
    board.must_not_be_blind()
    assert board.comparison.columns == THREE
    assert board.comparison.turns[0].answers == ("a", "b", "c")
    assert [board.events[column] for column in range(3)] == [done(0, "of A"), done(1, "of B"), done(2, "of C")]
    assert board.shown_places == (1, 2, 0)
    assert board.run_ids == dict.fromkeys(range(3), "run")


def test_only_fresh_and_whole_answers_can_be_judged() -> None:
    board = blind(Turn(prompt="Before?", answers=("a", "b", "c")))
    board.take({0: done(0, "So."), 1: ColumnEvent(column=1, state="failed", text="half", note="cut off")})
    assert board.judged_answers() == ["So.", None, None]
    board.take_back()
    assert board.is_blind
    assert board.judged_answers() == [None, None, None]
    board.take_back()
    assert board == Board()
