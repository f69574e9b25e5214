"""Models that are too slow to make for every test."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def embedded_models_dir() -> Path:
    """A models directory with the converted embedded model in it: made once on a machine, then shared by all runs."""
    from trainer.embedded import SMOLLM2, prepare

    shared = Path(tempfile.gettempdir()) / f"janus-test-models-{SMOLLM2.sha256[:8]}"
    folder = Path(os.environ.get("JANUS_TEST_MODELS") or shared)
    prepare("smollm2", folder, say=lambda words: None)
    return folder
