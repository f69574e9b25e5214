"""A benchmark job done in this process, as its worker does it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from janus_space import bench_worker
from janus_space.bench_order import BenchJob


def prepared(folder: Path, **order: Any) -> Path:
    """Write the request of a job."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text(BenchJob(**order).model_dump_json(), "utf-8")
    return folder


def done(folder: Path, **order: Any) -> dict[str, Any]:
    """Do a job to its end, and return its exit.json."""
    bench_worker.main([str(prepared(folder, **order))])
    end = json.loads((folder / "exit.json").read_text("utf-8"))
    assert isinstance(end, dict)
    return end


def report(folder: Path, **order: Any) -> dict[str, Any]:
    """Do a job, and return its report."""
    end = done(folder, **order)
    assert end["state"] == "done", end
    found = json.loads((folder / "report.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
