"""A real engine over a tiny model, shared by all tests that need log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.models import Models
from tests.tiny_models import tiny_llama


class Local(NamedTuple):
    """A tiny Llama in its folder, its spec, and the models of a house that can run it."""

    folder: Path
    spec: str
    models: Models


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tiny_llama(tmp_path_factory.mktemp("tiny") / "base")
    home = Home.at(tmp_path_factory.mktemp("home-of-tiny"))
    pool = EnginePool(home, threads=1)
    yield Local(folder, f"path:{folder}", Models(home, pool))
    pool.close()
