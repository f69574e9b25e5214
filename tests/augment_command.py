"""`python -m data_gen augment` as a real process, for tests of the whole command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def command(*arguments: object) -> list[str]:
    """Return the argv of a run."""
    return [sys.executable, "-m", "data_gen", "augment", *map(str, arguments)]


def run(*arguments: object, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        command(*arguments), cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=timeout
    )


def dataset(out: Path) -> dict[str, bytes]:
    """Return every file of the dataset folder."""
    return {path.name: path.read_bytes() for path in (out / "dataset").iterdir()}


def rows(out: Path, name: str = "sft.jsonl") -> list[dict[str, Any]]:
    """Return the rows of one of its files."""
    return [json.loads(line) for line in (out / "dataset" / name).read_text("utf-8").splitlines()]


def write_instructions(path: Path, count: int) -> Path:
    """Write a file of so many different instructions."""
    lines = [json.dumps({"prompt": f"What is so special about the number {number}?"}) for number in range(count)]
    path.write_text("\n".join(lines) + "\n")
    return path
