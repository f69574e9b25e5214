"""What one visitor's page shows: the comparison that was asked last and how far each column has come.

While it is blind its columns stand in the order of a ballot, and nothing here that tells who they are is shown. With
the vote they go back to their places in the form. It lives in the visitor's session only. Two streams may write to it
at once (a run and the retry of one of its columns), each to its own columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from janus_space.ballots import Ballot
from janus_space.comparison import ColumnEvent, Comparison, Turn
from janus_space.errors import VoteRefused
from janus_space.ui.explained import Explanations
from janus_space.votes import Verdict

LOCKED = "This opens with your vote: until then nothing tells which answer is whose."


@dataclass
class Board:
    """The last comparison, the latest event of each of its columns, and the run that each column belongs to."""

    comparison: Comparison | None = None
    events: dict[int, ColumnEvent] = field(default_factory=dict)
    run_ids: dict[int, str] = field(default_factory=dict)
    ballot_id: str = ""
    is_blind: bool = False
    verdict: Verdict | None = None
    """How the visitor voted; a column goes by the place in which it was shown."""
    shown_places: tuple[int, ...] = ()
    """After a blind vote: the place in which each column of the form was shown."""
    explanations: Explanations = field(default_factory=Explanations)

    @classmethod
    def before_last_turn(cls, comparison: Comparison) -> Board:
        """Show a comparison as it stood when its last question was yet to be asked."""
        board = cls(comparison)
        board.take_back()
        return board

    @property
    def is_busy(self) -> bool:
        return any(not event.is_final for event in self.events.values())

    @property
    def reach(self) -> int | None:
        """How much of each answer may be seen, in characters; None is all of it.

        While blind, no answer runs ahead of the slowest: speed would tell the models apart.
        """
        return min(len(event.text) for event in self.events.values()) if self.is_blind and self.is_busy else None

    def must_not_be_blind(self) -> None:
        """Raise `VoteRefused` for what would tell who is who before the vote."""
        if self.is_blind:
            raise VoteRefused(LOCKED)

    def hold(self, ballot: Ballot) -> None:
        """Take the ballot by which the comparison is voted on."""
        self.ballot_id, self.is_blind = ballot.id, ballot.is_blind
        self.verdict, self.shown_places = None, ()

    def reveal(self, order: Sequence[int]) -> None:
        """Put each column back in its place in the form; `order` names that place for each place shown."""
        comparison = self.comparison
        if comparison is None:
            return
        self.is_blind = False
        self.shown_places = tuple(map(order.index, range(len(order))))
        self.comparison = comparison.model_copy(
            update={
                "columns": tuple(comparison.columns[shown] for shown in self.shown_places),
                "turns": tuple(self._put_back(turn) for turn in comparison.turns),
            }
        )
        events, run_ids = self.events, self.run_ids
        self.events = {order[shown]: one.model_copy(update={"column": order[shown]}) for shown, one in events.items()}
        self.run_ids = {order[shown]: run_id for shown, run_id in run_ids.items()}

    def judged_answers(self) -> list[str | None]:
        """Give the answers to be voted on, by column; None where one failed, is under way or is of an older turn."""
        n_columns = len(self.comparison.columns) if self.comparison else 0
        return [self._answer(column) if self._is_fresh(column) else None for column in range(n_columns)]

    def begin(self, comparison: Comparison, columns: Iterable[int], run_id: str) -> None:
        """Let a run answer `columns`; they wait until it says otherwise."""
        self.comparison = comparison
        for column in columns:
            self.run_ids[column] = run_id
            self.events[column] = ColumnEvent(column=column, state="waiting")

    def take(self, events: Mapping[int, ColumnEvent]) -> None:
        """Note what arrived. Where a blind run was stopped, every answer ends where it was last seen to end."""
        reach = self.reach
        self.events.update(events)
        if reach is None or self.is_busy or all(one.state != "stopped" for one in self.events.values()):
            return
        for column, one in self.events.items():
            if one.state != "failed":  # how far each had come by then would tell the fast from the slow
                self.events[column] = one.model_copy(update={"text": one.text[:reach], "state": "stopped"})

    def clear(self) -> None:
        """Forget the conversation."""
        self._forget_last_turn()
        self.comparison = None
        self.ballot_id, self.is_blind = "", False

    def answered_turns(self) -> tuple[Turn, ...]:
        """All turns so far, the last one with what the columns answered, ready to be asked further."""
        if self.comparison is None:
            return ()
        *earlier, last = self.comparison.turns
        answers = tuple(self._answer(column) for column in range(len(self.comparison.columns)))
        return (*earlier, last.model_copy(update={"answers": answers}))

    def take_back(self) -> str:
        """Undo the last turn, as if it had not been asked; return its question."""
        if self.comparison is None:
            return ""
        *earlier, last = self.comparison.turns
        asked = self.comparison
        if not earlier:
            self.clear()
            return last.prompt
        self._forget_last_turn()
        before = earlier[-1]
        self.comparison = asked.model_copy(update={"turns": (*earlier[:-1], before.model_copy(update={"answers": ()}))})
        for column, answer in enumerate(before.answers):
            if answer is not None:
                self.events[column] = ColumnEvent(column=column, state="done", text=answer)
        return last.prompt

    def _forget_last_turn(self) -> None:
        self.events.clear()
        self.run_ids.clear()
        self.verdict, self.shown_places = None, ()

    def _is_fresh(self, column: int) -> bool:
        return column in self.run_ids and column in self.events and self.events[column].is_final

    def _put_back(self, turn: Turn) -> Turn:
        answers = tuple(turn.answers[shown] for shown in self.shown_places) if turn.answers else ()
        return turn.model_copy(update={"answers": answers})

    def _answer(self, column: int) -> str | None:
        event = self.events.get(column)
        return event.text if event is not None and event.state != "failed" and event.text else None
