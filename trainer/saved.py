"""The result of a run: an adapter, or all weights, with everything that is needed to use it elsewhere."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import Trainer

from trainer.config import TrainConfig
from trainer.merge import stacked
from trainer.model import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from trainer.model_spec import ModelSpec
from trainer.trainable import Trainable

REQUEST = "train_request.json"
# peft and the trainer write these with the paths of this machine in them.
_NOT_PART_OF_IT = ("README.md", "training_args.bin")


def round_adapter(model: Any, config: TrainConfig) -> None:
    """Give a trained adapter the numbers that its file will hold, so that both say the same."""
    if config.adapter_dtype == "float32":
        return
    for name, weights in model.named_parameters():
        if _is_adapter(name):
            weights.data.copy_(weights.data.to(torch.bfloat16))


def _is_adapter(name: str) -> bool:
    return ".lora_" in name  # a reward model's head is saved beside it, as exact as it was trained


def save_result(trainer: Trainer, trainable: Trainable, config: TrainConfig, folder: Path) -> None:
    """Write the trained adapter or weights to `folder`, whole or not at all; every process of a run has to call it.

    An adapter that was merged before training becomes part of the new one, so that the result fits the base itself.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    if trainer.is_world_process_zero():
        shutil.rmtree(unfinished, ignore_errors=True)  # what a killed run left
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(unfinished))  # gathers weights that are spread over GPUs
    if not trainer.is_world_process_zero():
        return
    for name in _NOT_PART_OF_IT:
        (unfinished / name).unlink(missing_ok=True)
    trainable.tokenizer.save_pretrained(unfinished)
    if (unfinished / ADAPTER_CONFIG).exists():
        if trainable.merged is not None:
            stacked(trainable.merged, unfinished)
        _halve(unfinished / ADAPTER_WEIGHTS, config)
        _name_base(unfinished / ADAPTER_CONFIG, trainable)
    (unfinished / REQUEST).write_text(_request_for_others(config, trainable).model_dump_json(indent=2) + "\n", "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _halve(file: Path, config: TrainConfig) -> None:
    if config.adapter_dtype == "float32":
        return
    held = load_file(file)
    rounded = {name: found.to(torch.bfloat16) if _is_adapter(name) else found for name, found in held.items()}
    save_file(rounded, file, metadata={"format": "pt"})


def _name_base(file: Path, trainable: Trainable) -> None:
    told = json.loads(file.read_text("utf-8"))
    told |= {"base_model_name_or_path": trainable.base_name, "revision": trainable.revision, "inference_mode": True}
    file.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", "utf-8")


def _request_for_others(config: TrainConfig, trainable: Trainable) -> TrainConfig:
    """Name a local dataset and model by their own names: the folders of this machine mean nothing elsewhere."""
    names = {"dataset": config.dataset, "eval_dataset": config.eval_dataset}
    short = {name: Path(text).name for name, text in names.items() if text and Path(text).is_absolute()}
    spec = ModelSpec.parse(config.model)
    if spec.kind == "path":
        spec = replace(spec, name=trainable.base_name)
    if spec.adapter is not None and Path(spec.adapter).is_absolute():
        spec = replace(spec, adapter=f"./{Path(spec.adapter).name}")
    return config.model_copy(update={**short, "model": str(spec)})
