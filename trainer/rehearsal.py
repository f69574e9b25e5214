"""The rows of a dry run, and what they stand for."""

from __future__ import annotations

import math
from dataclasses import replace

from trainer.config import TrainConfig
from trainer.estimate import DRY_STEPS
from trainer.job_folder import JobFolder
from trainer.render import RenderedRows


def longest_steps(config: TrainConfig, rows: RenderedRows, folder: JobFolder) -> tuple[TrainConfig, RenderedRows]:
    """Take the rows of three of the longest steps there can be, and tell what all steps together are."""
    row_tokens = sorted((row.tokens for row in rows.rows), reverse=True)
    per_device = int(config.per_device_train_batch_size or 1)
    batch = per_device * config.gradient_accumulation_steps
    n_rows = len(row_tokens) if not config.packing else math.ceil(sum(row_tokens) / config.max_length)
    # As transformers counts: an epoch ends with a step of what is left.
    batches = math.ceil(n_rows / (per_device * config.num_processes))
    an_epoch = math.ceil(batches / config.gradient_accumulation_steps)
    steps = config.max_steps or math.ceil(an_epoch * config.num_train_epochs)
    mean_tokens = sum(row_tokens) / n_rows
    longest = sorted(rows.rows, key=lambda row: -row.tokens)
    wanted = batch * DRY_STEPS
    # Packed rows are all as long as they may be.
    chosen = longest if config.packing else (longest * wanted)[:wanted]
    dry_tokens = config.max_length if config.packing else sum(row.tokens for row in chosen) / len(chosen)
    folder.event(
        "plan",
        steps=steps,
        mean_tokens=mean_tokens,
        dry_tokens=dry_tokens,
        tokens_a_step=round(mean_tokens * batch * config.num_processes),
    )
    unwatched = {"max_steps": DRY_STEPS, "save_steps": 10 * DRY_STEPS, "steerability_steps": 0, "sample_steps": 0}
    return config.model_copy(update=unwatched), replace(rows, rows=chosen)
