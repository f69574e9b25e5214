"""Load a base model so that the batch can run it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

from janus_space.engine import attention
from janus_space.engine.loop import Loop
from janus_space.engine.threads import Threads
from trainer.model import LoadedModel, load_base
from trainer.model_spec import ModelSpec


def load(
    base: str, models_dir: Path, device: str, threads: int | None, say: Callable[[str], None]
) -> tuple[LoadedModel, Loop]:
    """Load the base of a spec and start its loop; `threads` is fixed, or None to follow what the machine has to give.

    Raises:
        trainer.errors.ModelError: it cannot be found, does not fit, or would run foreign code.
    """
    if threads:
        torch.set_num_threads(threads)
    loaded = load_base(ModelSpec.parse(base), models_dir, device, say, attn_implementation=attention.NAME)
    follows = device == "cpu" and threads is None
    return loaded, Loop(loaded.model, loaded.tokenizer, Threads(_cores(), torch.set_num_threads) if follows else None)


def _cores() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) else torch.get_num_threads()
