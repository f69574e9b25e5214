"""What benchmarks of this house have measured of a training job's model, for its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from janus_space.job import Job, read_json
from janus_space.jobs import Jobs


class Figure(NamedTuple):
    """One figure of a report, with its 95% interval where it has one."""

    value: float
    interval: tuple[float, float] | None


class Benchmark(NamedTuple):
    """One finished benchmark of the model."""

    name: str
    judge: str | None
    figures: Mapping[str, Figure]


def benchmarks(jobs: Jobs, trained: Job) -> list[Benchmark]:
    """Find the rows about a model in the reports of finished benchmarks; of each benchmark the newest."""
    found: dict[str, Benchmark] = {}
    for job in jobs.list("bench"):
        report = read_json(job.folder / "report.json") if job.status == "finished" else None
        for row in (report or {}).get("rows", ()):
            figures = _figures(row)
            if row.get("model") == f"job:{trained.name}" and figures and "error" not in row:
                name = str((report or {}).get("bench"))
                found.setdefault(name, Benchmark(name, job.request.get("judge"), figures))
    return list(found.values())


def _figures(row: Mapping[str, Any]) -> dict[str, Figure]:
    figures = {}
    for name, value in row.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            interval = row.get(f"{name}_ci")
            figures[name] = Figure(float(value), (float(interval[0]), float(interval[1])) if interval else None)
    return figures
