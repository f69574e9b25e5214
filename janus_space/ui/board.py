"""What one visitor's page shows: the comparison that was asked last and how far each column has come.

It lives in the visitor's session only. Two streams may write to it at once (a run and the retry of one of its
columns), each to its own columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from janus_space.comparison import ColumnEvent, Comparison, Turn


@dataclass
class Board:
    """The last comparison, the latest event of each of its columns, and the run that each column belongs to."""

    comparison: Comparison | None = None
    events: dict[int, ColumnEvent] = field(default_factory=dict)
    run_ids: dict[int, str] = field(default_factory=dict)

    @classmethod
    def before_last_turn(cls, comparison: Comparison) -> Board:
        """Show a comparison as it stood when its last question was yet to be asked."""
        board = cls(comparison)
        board.take_back()
        return board

    @property
    def is_busy(self) -> bool:
        return any(not event.is_final for event in self.events.values())

    def begin(self, comparison: Comparison, columns: Iterable[int], run_id: str) -> None:
        """Let a run answer `columns`; they wait until it says otherwise."""
        self.comparison = comparison
        for column in columns:
            self.run_ids[column] = run_id
            self.events[column] = ColumnEvent(column=column, state="waiting")

    def take(self, events: Mapping[int, ColumnEvent]) -> None:
        self.events.update(events)

    def clear(self) -> None:
        """Forget the conversation."""
        self.comparison = None
        self.events.clear()
        self.run_ids.clear()

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
        self.clear()
        if not earlier:
            return last.prompt
        before = earlier[-1]
        self.comparison = asked.model_copy(update={"turns": (*earlier[:-1], before.model_copy(update={"answers": ()}))})
        for column, answer in enumerate(before.answers):
            if answer is not None:
                self.events[column] = ColumnEvent(column=column, state="done", text=answer)
        return last.prompt

    def _answer(self, column: int) -> str | None:
        event = self.events.get(column)
        return event.text if event is not None and event.state != "failed" and event.text else None
