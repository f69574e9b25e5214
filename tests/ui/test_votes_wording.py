"""What the page says of a vote."""

from __future__ import annotations

import pytest

from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.ui import vote_wording
from janus_space.ui.board import Board
from janus_space.votes import Verdict

ASKED = Comparison(columns=(Column(model="echo:"), Column(model="echo:")), turns=(Turn(prompt="Why?"),))


def answered(verdict: Verdict | None = None, **fields: object) -> Board:
    board = Board(ballot_id="b", verdict=verdict, **fields)  # type: ignore[arg-type]
    board.begin(ASKED, range(2), "run")
    board.take({column: ColumnEvent(column=column, state="done", text=f"Answer {column}.") for column in range(2)})
    return board


@pytest.mark.parametrize(
    ("verdict", "places", "said"),
    [
        (None, (), "Which answer is better?"),
        (1, (), "You chose B."),
        ("tie", (), "You called it a tie."),
        ("both bad", (), "You found every answer bad."),
        (0, (1, 0), "You chose 1, which is B. 1 was B, 2 was A."),
        ("tie", (0, 1), "You called it a tie. 1 was A, 2 was B."),
    ],
)
def test_the_bar_says_how_the_vote_stands(verdict: Verdict | None, places: tuple[int, ...], said: str) -> None:
    assert said in vote_wording.stand(answered(verdict, shown_places=places))


def test_a_heading_tells_the_place_and_the_choice_only_after_the_vote() -> None:
    assert "</span>1</h2>" in vote_wording.heading(answered(is_blind=True), 0)
    revealed = answered(0, shown_places=(1, 0))
    assert "your choice" not in vote_wording.heading(revealed, 0)
    assert "was 2" in vote_wording.heading(revealed, 0)
    assert "</span>B</h2><span class='badge place'>was 1</span>" in vote_wording.heading(revealed, 1)
    assert "your choice" in vote_wording.heading(revealed, 1)


@pytest.mark.parametrize("is_blind", [True, False])
def test_without_an_answer_to_judge_voting_is_off_and_says_why(is_blind: bool) -> None:
    board = answered(is_blind=is_blind)
    board.events[1] = ColumnEvent(column=1, state="failed", note="kestrel is out of order")
    said = vote_wording.stand(board)
    assert "Voting is off" in said
    assert ("run it again" in said) == is_blind
    assert "kestrel" not in said


def test_nothing_is_said_before_anything_was_asked() -> None:
    assert vote_wording.stand(Board()) == ""
    assert vote_wording.stand(Board.before_last_turn(ASKED)) == ""
