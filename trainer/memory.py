"""Memory: how much a run has used, and what to say when there is too little."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from trainer.config import TrainConfig
from trainer.errors import OutOfMemory, TrainerError, TrainingFailed


def peak_memory_gib() -> float:
    """Return the most memory this process has used so far, of the GPU where there is one."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return round(torch.cuda.max_memory_allocated() / 2**30, 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**30 if sys.platform == "darwin" else peak / 2**20, 3)


@contextmanager
def memory_in_words(config: TrainConfig) -> Iterator[None]:
    """Turn a failure for want of memory into a sentence with a cure, and any other of torch's into its first line."""
    try:
        yield
    except TrainerError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _too_large(config) from error
    except RuntimeError as error:
        if "can't allocate memory" in str(error) or "out of memory" in str(error).lower():
            raise _too_large(config) from error
        raise TrainingFailed(f"The run broke off: {str(error).strip().splitlines()[0][:300]}") from error


def _too_large(config: TrainConfig) -> OutOfMemory:
    cure = smaller(config)
    told = " and ".join(f"{name}: {json.dumps(value)}" for name, value in cure.items())
    return OutOfMemory(f"The memory of {config.device} is too small for this run: try {told}.", cure)


def smaller(config: TrainConfig) -> dict[str, Any]:
    """Return the options that make a run need less memory, the harmless first."""
    batch = int(config.per_device_train_batch_size or 1)
    if batch > 1:  # trains the same, in smaller pieces
        return {
            "per_device_train_batch_size": batch // 2,
            "gradient_accumulation_steps": config.gradient_accumulation_steps * 2,
        }
    if not config.activation_checkpointing:
        return {"activation_checkpointing": True}
    if config.tuning == "full":
        return {"tuning": "lora"}
    return {"max_length": config.max_length // 2}
