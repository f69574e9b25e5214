"""What one visitor's Grid tab shows: what was asked, the answers so far, and how well each message explains each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from data_gen.chat import Waiting
from data_gen.errors import BadRequest
from janus_space.comparison import MAX_TEXT, Column, ColumnEvent, Comparison, Turn
from janus_space.grid import Grid, GridEvent, GridRow


@dataclass
class GridBoard:
    """The last grid asked for, by column of its comparison; `note` says why work waits."""

    comparison: Comparison | None = None
    run_id: str = ""
    events: dict[int, ColumnEvent] = field(default_factory=dict)
    rows: dict[int, GridRow] = field(default_factory=dict)
    grids: dict[str, Grid] = field(default_factory=dict)
    note: str = ""

    def begin(self, comparison: Comparison, run_id: str) -> None:
        """Forget the last grid and wait for this one."""
        self.comparison, self.run_id, self.note = comparison, run_id, ""
        self.events.clear()
        self.rows.clear()
        self.grids.clear()

    def take(self, event: GridEvent) -> bool:
        """Take an event over; tell whether it is worth an update of the page."""
        if isinstance(event, GridRow):
            self.rows[event.column] = event
        elif isinstance(event, Grid):
            self.grids[event.model] = event
        elif isinstance(event, Waiting):
            self.note = event.reason
            return True
        else:
            before = self.events.get(event.column)
            self.events[event.column] = event
            if before is not None and (before.state, before.note) == (event.state, event.note):
                return False
            self.note = event.note or ""
            return True
        self.note = ""
        return True

    def by_model(self) -> dict[str, list[int]]:
        """List each model's columns, in the order of the messages."""
        found: dict[str, list[int]] = {}
        for index, column in enumerate(self.comparison.columns if self.comparison else ()):
            found.setdefault(column.model, []).append(index)
        return found

    def beside(self, column: int) -> list[int]:
        """List the columns of the same model, this one among them; none if it is not there."""
        return next((columns for columns in self.by_model().values() if column in columns), [])


def asked(models: Sequence[str | None], systems: Sequence[str | None], prompt: str | None) -> Comparison:
    """Lay out every model under every message. Raise `BadRequest` with what is missing."""
    specs = list(dict.fromkeys(spec.strip() for spec in models if spec and spec.strip()))
    texts = [(system or "").strip() for system in systems]
    question = (prompt or "").strip()
    if not specs:
        raise BadRequest("Choose a model first.")
    if "" in texts:
        raise BadRequest(f"Message {texts.index('') + 1} is empty: write it, or choose fewer messages.")
    if len(set(texts)) < len(texts):
        raise BadRequest("Two messages are the same, so no answer can be told from the other's: change one.")
    if not question:
        raise BadRequest("Write a question first.")
    if max(map(len, [question, *texts])) > MAX_TEXT:
        raise BadRequest(f"A message or the question is longer than {MAX_TEXT:,} characters: shorten it first.")
    columns = tuple(Column(model=spec, system=text) for spec in specs for text in texts)
    return Comparison(columns=columns, turns=(Turn(prompt=question),))
