"""Tiny models with two adapters each, made once for all tests of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tiny_models import tiny_gemma, tiny_llama, tiny_lora, tiny_mistral


class Tiny(NamedTuple):
    """A model folder and the folders of its adapters."""

    folder: Path
    adapters: dict[str, Path]


@pytest.fixture(scope="session", params=["llama", "mistral", "gemma"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return _made(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return _made("llama", tmp_path_factory.mktemp("llama-alone"))


def _made(family: str, root: Path) -> Tiny:
    folder = {"llama": tiny_llama, "mistral": tiny_mistral, "gemma": tiny_gemma}[family](root / "base")
    adapters = {
        "a": tiny_lora(folder, root / "a", seed=1, r=4),
        "b": tiny_lora(folder, root / "b", seed=2, r=8),
    }
    return Tiny(folder, adapters)
