"""How far an augment job is: counted as outcomes arrive, told every second in events.jsonl, less often to a person."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from typing import Any

from data_gen.augment import Grown, Outcome, Unfinished
from data_gen.job_folder import JobFolder
from data_gen.open_teacher import OpenTeacher
from data_gen.records import Quarantined, as_columns

_TICK_SECONDS = 1.0
_TICKS_A_SENTENCE = 10
# The first minute shows a row a second; later ones are rarer, so that a day of work leaves a file that can be read.
_TICKS_WITH_ROWS, _TICKS_A_ROW = 60, 10
_RATE_TICKS = 30


class Progress:
    """Counts what has come of the rows so far."""

    def __init__(self, rows_wanted: int) -> None:
        self.rows_wanted = rows_wanted
        self.grown = self.unfinished = 0
        self.quarantined: Counter[str] = Counter()
        self._latest: Outcome | None = None
        self._lately = deque([(time.monotonic(), 0)], _RATE_TICKS)

    def count(self, outcome: Outcome) -> None:
        """Take note of one outcome."""
        if isinstance(outcome, Grown):
            self.grown += 1
        elif isinstance(outcome, Quarantined):
            self.quarantined[f"{outcome.level}: {outcome.kind}"] += 1
        else:
            self.unfinished += 1
        self._latest = self._latest if isinstance(outcome, Unfinished) else outcome

    def facts(self, teacher: OpenTeacher) -> dict[str, Any]:
        """Return all figures as they are now; the rate is that of the last half minute."""
        done = self.grown + self.quarantined.total()
        rate = self._rate(done)
        return {
            "rows": self.grown,
            "rows_wanted": self.rows_wanted,
            "quarantined": dict(self.quarantined),
            "unfinished": self.unfinished,
            "rows_per_s": round(rate, 3),
            "eta_s": round((self.rows_wanted - done) / rate) if rate and not self.unfinished else None,
            "is_paused": teacher.is_paused,
            **teacher.figures,
        }

    def newest(self) -> Outcome | None:
        """Return the newest outcome since this was last asked."""
        newest, self._latest = self._latest, None
        return newest

    def _rate(self, done: int) -> float:
        now = time.monotonic()
        then, done_then = self._lately[0]
        self._lately.append((now, done))
        return (done - done_then) / (now - then) if now > then else 0.0


async def watch(progress: Progress, folder: JobFolder, teacher: OpenTeacher) -> None:
    """Tell how it goes until cancelled, and pass on the wishes to stop, to pause and to go on."""
    ticks = 0
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        if folder.is_asked_to_stop:
            teacher.stop()
        teacher.pause(folder.is_asked_to_pause)
        ticks += 1
        facts = progress.facts(teacher)
        folder.event("progress", **facts)
        if ticks <= _TICKS_WITH_ROWS or ticks % _TICKS_A_ROW == 0:
            _show(progress.newest(), folder)
        if ticks % _TICKS_A_SENTENCE == 0:
            folder.log(in_a_sentence(facts))


def in_a_sentence(facts: dict[str, Any]) -> str:
    """Say how far it is, for a person who waits."""
    told = [f"{facts['rows']} of {facts['rows_wanted']} rows"]
    if facts["quarantined"]:
        told.append(f"{sum(facts['quarantined'].values())} quarantined")
    if facts.get("spent_usd"):
        told.append(f"{facts['spent_usd']:.4f} USD spent")
    if facts.get("errors"):
        told.append("errors: " + ", ".join(f"{count} {name}" for name, count in sorted(facts["errors"].items())))
    if facts["is_paused"]:
        told.append("paused")
    elif facts["eta_s"]:
        told.append(f"about {facts['eta_s']} s to go")
    return ", ".join(told)


def _show(newest: Outcome | None, folder: JobFolder) -> None:
    match newest:
        case Grown(record=record):
            folder.event("row", row=as_columns(record))
        case Quarantined() as row:
            folder.event("quarantined", row=as_columns(row))
