"""Tiny models, made once a session, and a dataset folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_models import tiny_gemma, tiny_llama, tiny_mistral
from tests.trainer.sample_rows import dataset_folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tiny-models")
    builders = {"mistral": tiny_mistral, "gemma": tiny_gemma, "llama": tiny_llama}
    return {name: build(folder / name) for name, build in builders.items()}


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset_folder(tmp_path_factory.mktemp("collection"))
