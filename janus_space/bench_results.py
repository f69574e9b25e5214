"""What a benchmark job has found: the paper's table with its published rows beside ours, and every judged answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from janus_space.job import Job, read_json

PUBLISHED_FILE = Path(__file__).parents[1] / "assets" / "published.json"
LABELS = {
    "score": "Score",
    "win_rate": "Win rate, %",
    "lc_win_rate": "Length-controlled, %",
    "average_max_toxicity": "Average max toxicity",
    "toxicity_probability": "Toxicity probability",
    "perplexity": "Perplexity",
    "dist_2": "dist-2",
    "dist_3": "dist-3",
    "power": "Judge power",
    "margin": "Margin",
    "attribution_accuracy": "Attribution",
    "selection_accuracy": "Selection",
    "own_logprob": "Log-prob., own message",
    "empty_logprob": "Log-prob., no message",
    "self_attribution": "Self-attribution",
    "embedding_attribution": "By embeddings",
    "plain_logprob": "Log-prob. without message",
}
"""Figures in the words of the paper's tables; others go by their own names."""
_COUNTS = frozenset({"n", "unanswered", "unscored", "power_n", "missing", "instructions"})


class Cell(NamedTuple):
    """A figure and its 95% interval, where there is one."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Line:
    """One model's figures by column; `error` says why there are none."""

    model: str
    cells: Mapping[str, Cell]
    n: int | None = None
    is_published: bool = False
    error: str | None = None
    may_claim: bool = True
    """Off where the judge cannot tell good answers from bad ones well enough to rank by it."""


@dataclass(frozen=True)
class Table:
    """Ours first, then what the paper has published; `source` and `note` say where the latter are from."""

    bench: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    facts: Mapping[str, Any]
    source: str = ""
    note: str = ""

    @property
    def ours(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if not line.is_published)


class _Published(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    note: str
    rows: tuple[dict[str, Any], ...]


class Judged(NamedTuple):
    """One question as it was asked, what each model answered, and what the judge said of it."""

    question: str
    system: str | None
    prompt: str
    answers: Mapping[str, str]
    judgements: Mapping[str, list[Mapping[str, Any]]]


def table_of(job: Job) -> Table | None:
    """Read a job's report into the paper's table; None while there is no report."""
    report = read_json(job.folder / "report.json")
    return None if report is None else table(report)


def table(report: Mapping[str, Any]) -> Table:
    """Lay out a report beside the published rows of the same benchmark."""
    facts = {name: value for name, value in report.items() if name not in ("bench", "rows")}
    ours = [_line(row) for row in report["rows"]]
    published = _published().get(str(report["bench"]))
    theirs = [] if published is None else [_published_line(row) for row in published.rows]
    columns = dict.fromkeys(column for line in [*ours, *theirs] for column in line.cells)
    return Table(
        bench=str(report["bench"]),
        columns=tuple(columns),
        lines=(*ours, *theirs),
        facts=facts,
        source=published.source if published else "",
        note=published.note if published else "",
    )


def label(column: str) -> str:
    """Name a column for people."""
    return LABELS.get(column, column.replace("_", " "))


def questions(job: Job) -> list[str]:
    """List what was asked, in the order in which it was first answered."""
    return list(dict.fromkeys(str(row.get("question")) for row in _lines(job.folder / "answers.jsonl")))


def judged(job: Job, question: str) -> Judged | None:
    """Gather everything about one question; None where it was not answered."""
    answers = [row for row in _lines(job.folder / "answers.jsonl") if row.get("question") == question]
    if not answers:
        return None
    judgements: dict[str, list[Mapping[str, Any]]] = {}
    for row in _lines(job.folder / "judgements.jsonl"):
        if row.get("question") == question and "model" in row:
            judgements.setdefault(str(row["model"]), []).append(row)
    first = answers[0]
    return Judged(
        question,
        first.get("system"),
        str(first.get("prompt", "")),
        {str(row["model"]): str(row.get("answer", "")) for row in answers},
        judgements,
    )


def _line(row: Mapping[str, Any]) -> Line:
    cells = dict(_cells(row))
    for source, figures in (row.get("sources") or {}).items():
        cells |= {source if name == "score" else f"{source} {name}": cell for name, cell in _cells(figures)}
    return Line(
        model=str(row["model"]),
        cells=cells,
        n=row.get("n"),
        error=row.get("error"),
        may_claim=bool(row.get("may_claim", True)),
    )


def _cells(row: Mapping[str, Any]) -> Iterator[tuple[str, Cell]]:
    for name, value in row.items():
        if name in _COUNTS or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        interval = row.get(f"{name}_ci")
        yield name, Cell(float(value), tuple(interval) if interval else None)


def _published_line(row: Mapping[str, Any]) -> Line:
    cells = {name: Cell(float(value)) for name, value in row.items() if name != "model"}
    return Line(str(row["model"]), cells, is_published=True)


@cache
def _published() -> dict[str, _Published]:
    told = json.loads(PUBLISHED_FILE.read_text("utf-8"))
    return {name: _Published.model_validate(one) for name, one in told.items()}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read the whole lines of a file that may still be growing."""
    with suppress(OSError), path.open(encoding="utf-8") as file:
        for line in file:
            with suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict):
                    yield row
