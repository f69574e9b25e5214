"""What a run will take, by measurement: three steps on the longest rows, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from trainer.config import TrainConfig
from trainer.errors import BadConfig, TrainingFailed
from trainer.job_folder import JobFolder
from trainer.main_memory import main_memory

DRY_STEPS = 3
_SAFE_SHARE = 0.95  # of the memory: what lies beside the run needs some too
_MOST_TRIES = 5


class Measured(NamedTuple):
    """A dry run. Without figures, it did not fit."""

    fits: bool
    peak_memory_gib: float | None = None
    seconds_a_step: float | None = None
    tokens_per_s: float | None = None
    steps: int | None = None
    hours: float | None = None


class Estimate(NamedTuple):
    """What the run takes as asked, and, if it does not fit, the smallest change that does."""

    asked: Measured
    memory_gib: float
    cure: dict[str, Any]
    """Options that make it fit; empty where it fits as asked, or where nothing was found."""
    cured: Measured | None
    sentence: str


def estimate(config: TrainConfig, models_dir: Path, memory_gib: float | None = None) -> Estimate:
    """Measure a settled config, and what would fit if it does not.

    Raises:
        TrainerError: it cannot be started at all
    """
    memory = memory_gib or device_memory_gib(config)
    asked = _dry_run(config, models_dir, memory)
    if asked.fits:
        return Estimate(asked, memory, {}, None, _fits_sentence(asked, memory))
    for cure in _cures(config):
        cured = _dry_run(config.model_copy(update=cure), models_dir, memory)
        if cured.fits:
            told = ", ".join(f"{name}: {json.dumps(value)}" for name, value in cure.items())
            sentence = f"It does not fit {memory:.1f} GiB as asked; with {told} it does."
            return Estimate(asked, memory, cure, cured, f"{sentence} {_fits_sentence(cured, memory)}")
    sentence = f"It does not fit {memory:.1f} GiB, nor does anything smaller of this model: choose a smaller model."
    return Estimate(asked, memory, {}, None, sentence)


def device_memory_gib(config: TrainConfig) -> float:
    """Return the memory of the device that a settled config names, as far as this process may use it."""
    import torch

    if str(config.device).startswith("cuda"):
        return float(torch.cuda.mem_get_info(config.device)[1] / 2**30)
    return main_memory().total_bytes / 2**30


def _cures(config: TrainConfig) -> Iterator[dict[str, Any]]:
    """Yield what makes a run smaller, the harmless first; each goes on from the one before."""
    cure: dict[str, Any] = {}
    batch = int(config.per_device_train_batch_size or 1)
    if batch > 1:  # the same steps, in smaller pieces
        cure["per_device_train_batch_size"] = 1
        cure["gradient_accumulation_steps"] = config.gradient_accumulation_steps * batch
        yield dict(cure)
    if not config.activation_checkpointing:
        cure["activation_checkpointing"] = True
        yield dict(cure)
    if config.tuning != "qlora" and str(config.device).startswith("cuda") and "+" not in config.model:
        cure["tuning"] = "qlora"
        yield dict(cure)
    length = config.max_length
    while length > 256:
        length //= 2
        cure["max_length"] = length
        yield dict(cure)


def _dry_run(config: TrainConfig, models_dir: Path, memory_gib: float) -> Measured:
    with tempfile.TemporaryDirectory(prefix="janus-estimate-") as scratch:
        job = JobFolder(Path(scratch))
        job.write("request.json", config.model_dump(mode="json"))
        ended = subprocess.run(
            [sys.executable, "-m", "trainer.worker", scratch, "--models", str(models_dir), "--dry"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        end = job.read("worker.json") or {}
        steps, plan = job.events("step"), job.events("plan")
    if end.get("state") == "failed" and end.get("kind") not in ("OutOfMemory", None):
        raise (BadConfig if end["kind"] != "TrainingFailed" else TrainingFailed)(end["reason"])
    if not end and ended.returncode not in (-9, 137):  # killed by the kernel is how a CPU runs out of memory
        last_line = (ended.stderr.strip() or "no reason given").splitlines()[-1]
        raise TrainingFailed(f"The dry run broke off: {last_line[:300]}")
    if end.get("state") != "done" or len(steps) < DRY_STEPS:
        return Measured(fits=False)
    return _measured(steps, plan[-1], memory_gib)


def _measured(steps: list[dict[str, Any]], plan: dict[str, Any], memory_gib: float) -> Measured:
    """The first step warms up. The longest rows set the memory; an average step is as long as its tokens."""
    peak = float(steps[-1]["memory_gib"])
    longest = mean(step["seconds"] for step in steps[1:])
    usual = longest * plan["mean_tokens"] / plan["dry_tokens"]
    return Measured(
        fits=peak <= memory_gib * _SAFE_SHARE,
        peak_memory_gib=peak,
        seconds_a_step=round(usual, 3),
        tokens_per_s=round(plan["tokens_a_step"] / usual, 1),
        steps=plan["steps"],
        hours=round(usual * plan["steps"] / 3600, 3),
    )


def _fits_sentence(measured: Measured, memory_gib: float) -> str:
    hours = measured.hours or 0.0
    minutes = round(hours * 60)
    time = (
        f"About {hours:.1f} hours" if hours >= 1 else f"About {minutes} minutes" if minutes > 1 else "A minute or less"
    )
    return (
        f"{time}: {measured.steps} steps of {measured.seconds_a_step:.2f} s; at most"
        f" {measured.peak_memory_gib:.1f} of {memory_gib:.1f} GiB."
    )
