"""Real public data that the tests may look at and the project may not hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def oracle(name: str) -> Path:
    """Return a file of the folder named by JANUS_TEST_DATA, or of ../shared/data beside the project; else skip."""
    folder = Path(os.environ.get("JANUS_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    path = folder / name
    if not path.exists():
        pytest.skip(f"{name} is not here: set JANUS_TEST_DATA to the folder that holds it")
    return path
