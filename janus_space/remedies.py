"""What makes a run need less memory, and how that is said to a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from trainer.config import TrainConfig
from trainer.estimate import Estimate

BATCH, ACCUMULATION = "per_device_train_batch_size", "gradient_accumulation_steps"
_USUAL_BATCH = {"sft": 4, "dpo": 2, "orpo": 2, "reward": 2}  # as trainer/defaults.py settles an open one
_SHORTEST = 256
_KILLED = (-9, 137)  # by the kernel, which is how a CPU runs out of memory


class Remedy(NamedTuple):
    """Knobs to be changed. `is_measured` tells that a dry run with them has fitted."""

    changes: dict[str, Any]
    says: str
    is_measured: bool = False


def remedies(config: TrainConfig, found: Estimate) -> list[Remedy]:
    """List what would help a run that does not fit: what was measured to fit, then what may be enough by itself."""
    if found.asked.fits:
        return []
    measured = [Remedy(found.cure, in_words(config, found.cure), is_measured=True)] if found.cure else []
    others = (Remedy(changes, in_words(config, changes)) for changes in smaller(config))
    return [*measured, *(one for one in others if one.changes != found.cure)]


def smaller(config: TrainConfig) -> Iterator[dict[str, Any]]:
    """Yield single changes that make a run need less memory, the harmless first."""
    batch = config.per_device_train_batch_size or _USUAL_BATCH[config.method]
    if batch > 1:  # the same steps, in smaller pieces
        yield {BATCH: batch // 2, ACCUMULATION: config.gradient_accumulation_steps * 2}
    if not config.activation_checkpointing:
        yield {"activation_checkpointing": True}
    if config.tuning == "full":
        yield {"tuning": "lora"}
    if config.tuning == "lora" and config.device != "cpu" and "+" not in config.model:
        yield {"tuning": "qlora"}
    if config.max_length >= 2 * _SHORTEST:
        yield {"max_length": config.max_length // 2}


def after_running_out(config: TrainConfig, end: Mapping[str, Any]) -> Remedy | None:
    """Say with what to try a run again that has ended for want of memory; None where it ended otherwise."""
    changes = end.get("cure") if end.get("kind") == "OutOfMemory" else None
    if changes is None and end.get("state") == "failed" and end.get("exit_code") in _KILLED:
        changes = next(smaller(config), None)
    return Remedy(changes, in_words(config, changes)) if changes else None


def in_words(config: TrainConfig, changes: Mapping[str, Any]) -> str:
    """Write changes as a person says them, such as: half the batch and twice the accumulation."""
    told = []
    if BATCH in changes:
        batch = config.per_device_train_batch_size or _USUAL_BATCH[config.method]
        is_half = changes[BATCH] * 2 == batch and changes.get(ACCUMULATION) == config.gradient_accumulation_steps * 2
        told.append(
            "half the batch and twice the accumulation"
            if is_half
            else f"batches of {changes[BATCH]}, {changes.get(ACCUMULATION, 1)} summed up before each step"
        )
    if changes.get("activation_checkpointing"):
        told.append("activation checkpointing")
    if "tuning" in changes:
        told.append("4-bit weights" if changes["tuning"] == "qlora" else "an adapter instead of all weights")
    if "max_length" in changes:
        told.append(f"rows of at most {changes['max_length']:,} tokens")
    return ", ".join(told)
