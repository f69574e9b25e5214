"""A training run in this process, from the rows to the proof of what was saved; one of several where it is spread."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

import transformers
from transformers import PrinterCallback, Trainer, TrainerCallback

from trainer.checkpoints import newest_whole, step_of
from trainer.config import TrainConfig
from trainer.curve import SteerabilityCurve
from trainer.data import Dataset, TrainingRow, read_dataset, refuse_faults
from trainer.errors import BadDataset
from trainer.events import JobEvents
from trainer.job_folder import JobFolder
from trainer.memory import memory_in_words
from trainer.recipes.arguments import Given
from trainer.recipes.dpo import dpo
from trainer.recipes.orpo import orpo
from trainer.recipes.reward import reward
from trainer.recipes.sft import sft
from trainer.rehearsal import longest_steps
from trainer.render import RenderedRows, rendered
from trainer.reward_check import check_reward
from trainer.roundtrip import prove, remember
from trainer.saved import round_adapter, save_result
from trainer.storage import writing_to
from trainer.system_options import arranged, hold_out
from trainer.trainable import Trainable, load_trainable

_RECIPES = {"sft": sft, "dpo": dpo, "orpo": orpo, "reward": reward}


def train(config: TrainConfig, folder: JobFolder, models_dir: Path, is_dry: bool = False) -> dict[str, Any]:
    """Do what a settled config asks, in the job's folder; return how it ended.

    A dry run takes three steps on the longest rows, to know time and memory, and saves nothing.

    Raises:
        TrainerError: it cannot be done, or broke off; what was saved is kept
    """
    transformers.utils.logging.disable_progress_bar()
    data = read_dataset(config.dataset, config.method, config)
    _tell_faults(folder, data)
    if not config.skip_bad_rows or not data.rows:
        refuse_faults(data, config.dataset)
    trained, held_out = _split(config, data)
    with memory_in_words(config), writing_to(folder.path, "--out"):
        trainable = load_trainable(config, models_dir, folder.log)
        rows = rendered(trainable.tokenizer, arranged(trained, config, config.seed), config.max_length)
        _tell_rows(folder, data, rows)
        if is_dry:
            config, rows = longest_steps(config, rows, folder)
        events = JobEvents(folder, round(mean(row.tokens for row in rows.rows)))
        callbacks: list[TrainerCallback] = [events]
        if config.method != "reward" and config.strategy == "ddp":  # elsewhere no process has all the weights
            callbacks.append(SteerabilityCurve(folder, config, trainable.tokenizer, held_out, trained))
        trainer = _trainer(config, trainable, rows, folder, callbacks)
        end: dict[str, Any] = {"state": "stopped", "out": str(folder.path)}
        is_done = _run(trainer, folder, events)
        if is_dry:
            return {"state": "done"}
        if is_done:
            end |= {"state": "done", **_finish(trainer, trainable, config, folder, models_dir, held_out or trained)}
        return end | {"steps": trainer.state.global_step}


def _split(config: TrainConfig, data: Dataset) -> tuple[list[TrainingRow], list[TrainingRow]]:
    """Return the rows to train on, and those to measure on."""
    if config.eval_dataset is None:
        return hold_out(data.rows, config.held_out_instructions, config.seed)
    held_out = read_dataset(config.eval_dataset, config.method, config)
    refuse_faults(held_out, config.eval_dataset)
    return data.rows, held_out.rows


def _finish(
    trainer: Trainer,
    trainable: Trainable,
    config: TrainConfig,
    folder: JobFolder,
    models_dir: Path,
    rows: list[TrainingRow],
) -> dict[str, Any]:
    """Save the result, and prove that it says elsewhere what it said here."""
    result = folder.model if config.tuning == "full" else folder.adapter
    model = trainer.accelerator.unwrap_model(trainer.model)
    round_adapter(model, config)
    is_provable = config.strategy == "ddp" and trainer.is_world_process_zero()  # elsewhere no process has all weights
    proof = remember(model, trainable.tokenizer, rows, config) if is_provable else None
    save_result(trainer, trainable, config, result)
    folder.event("result", path=str(result))
    if config.method == "reward" and is_provable:
        folder.event("reward_check", **check_reward(model, trainable.tokenizer, rows)._asdict())
    if config.roundtrip_prompts and proof is not None:
        figures = prove(proof, result, config, models_dir, lambda words: None)
        folder.write("roundtrip.json", figures)
        folder.event("roundtrip", **{name: value for name, value in figures.items() if name != "stored"})
        if not figures["is_same"]:
            folder.log("What was saved does not say what was trained: roundtrip.json has the figures.")
    return {"result": str(result)}


def _trainer(
    config: TrainConfig, trainable: Trainable, rows: RenderedRows, folder: JobFolder, callbacks: list[TrainerCallback]
) -> Trainer:
    parts = trainable.model, trainable.tokenizer, rows.columns()
    given = Given(*parts, str(folder.checkpoints), callbacks, trainable.peft_config)
    trainer = _RECIPES[config.method](config, given)
    trainer.remove_callback(PrinterCallback)  # standard output belongs to --json
    if config.tuning == "qlora":
        # TRL keeps an adapter over 4-bit weights in bfloat16, in which small steps are lost.
        for weights in trainer.model.parameters():
            if weights.requires_grad:
                weights.data = weights.data.float()
    return trainer


def _run(trainer: Trainer, folder: JobFolder, events: JobEvents) -> bool:
    """Train from the newest whole checkpoint; return whether the run came to its end."""
    checkpoint = newest_whole(folder.checkpoints) if folder.checkpoints.exists() else None
    if checkpoint is not None:
        folder.log(f"Going on from step {step_of(checkpoint)}")
    events.stop_on_signals()
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return bool(trainer.state.global_step >= trainer.state.max_steps)


def _tell_faults(folder: JobFolder, data: Dataset) -> None:
    folder.write("left_out.json", {"faults": [fault._asdict() for fault in data.faults], "sound": dict(data.left_out)})


def _tell_rows(folder: JobFolder, data: Dataset, rows: RenderedRows) -> None:
    facts = {
        "rows": len(rows.rows),
        "faulty": len(data.faults),
        "left_out": dict(data.left_out),
        "cut": rows.cut,
        "dropped": len(rows.dropped),
        "with_control_tokens": len(rows.with_control_tokens),
        "system_roles": dict(rows.system_roles),
        "columns": data.columns,
        "longest_tokens": max((row.tokens for row in rows.rows), default=0),
    }
    folder.event("data", **facts)
    folder.log(
        f"{len(rows.rows)} rows to train on; {len(data.faults)} faulty, {sum(data.left_out.values())} repeated,"
        f" {len(rows.dropped)} dropped as too long, {rows.cut} answers cut."
    )
    if rows.with_control_tokens:
        folder.log(
            f"{len(rows.with_control_tokens)} rows hold text that the model reads as its control tokens, the first:"
            f" {rows.with_control_tokens[0]}."
        )
    if not rows.rows:
        raise BadDataset("No row fits: every question fills max_length by itself; raise it.")
