"""Load a base model so that the batch can run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from janus_space.engine import attention
from janus_space.engine.loop import Loop
from trainer.model import LoadedModel, load_base
from trainer.model_spec import ModelSpec


def load(
    base: str, models_dir: Path, device: str, threads: int | None, say: Callable[[str], None]
) -> tuple[LoadedModel, Loop]:
    """Load the base of a spec and start its loop.

    Raises:
        trainer.errors.ModelError: it cannot be found, does not fit, or would run foreign code.
    """
    if threads:
        torch.set_num_threads(threads)
    loaded = load_base(ModelSpec.parse(base), models_dir, device, say, attn_implementation=attention.NAME)
    return loaded, Loop(loaded.model, loaded.tokenizer)
