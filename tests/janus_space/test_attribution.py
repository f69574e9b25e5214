"""Whose answer is whose: what is kept of it, and that good writing is told apart by the embedded model."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from janus_space.attribution import FLOOR, Attribution, attribute, read
from janus_space.engine.process import EnginePool
from janus_space.errors import ScoringRefused
from janus_space.home import Home
from tests.content_teacher import recorded
from tests.janus_space.conftest import Local


def written(folder: Path, instructions: int) -> Path:
    """Write a dataset folder of the project's own rows."""
    rows = [row for tree in recorded(instructions) for row in tree]
    (folder / "sft.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def test_what_was_found_is_kept_beside_the_rows(local: Local, tmp_path: Path) -> None:
    said: list[str] = []
    assert read(tmp_path) is None
    found = asyncio.run(attribute(written(tmp_path, 3), local.spec, local.models.engines, said.append, limit=2))
    assert read(tmp_path) == found
    assert (found.n, found.instructions, found.model, found.at_least) == (6, 2, local.spec, FLOOR)
    assert 0 <= found.accuracy <= 1
    assert found.margin_ci[0] <= found.margin <= found.margin_ci[1]
    assert said[-1] == "Whose answer is whose: 2 of 2 instructions read."


def test_a_floor_is_kept_or_not() -> None:
    found = Attribution(model="m", n=9, instructions=3, accuracy=FLOOR, margin=0.1, margin_ci=(0.0, 0.2))
    assert found.is_kept
    assert not found.model_copy(update={"accuracy": FLOOR - 0.01}).is_kept


def test_a_model_that_cannot_be_loaded_is_a_sentence(tmp_path: Path) -> None:
    pool = EnginePool(Home.at(tmp_path))
    with pytest.raises(ScoringRefused, match="nowhere"):
        asyncio.run(attribute(written(tmp_path, 2), f"path:{tmp_path}/nowhere", pool, lambda _: None))
    pool.close()


@pytest.mark.real_model
@pytest.mark.proof
def test_the_embedded_model_tells_good_siblings_apart(embedded_models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(embedded_models_dir)
    pool = EnginePool(Home.at(tmp_path))
    found = asyncio.run(attribute(written(tmp_path, 20), "embedded:smollm2", pool, lambda _: None))
    pool.close()
    assert found.n == 60
    assert found.is_kept, found
    assert found.margin_ci[0] > 0
