"""Adapters put into weights, or on top of each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from trainer.adapter import is_reward_adapter, with_adapter
from trainer.errors import ModelNotFound, ModelRefused
from trainer.model import ADAPTER_CONFIG, ADAPTER_WEIGHTS, adapter_folder, load_base
from trainer.model_spec import ModelSpec
from trainer.storage import writing_to
from trainer.trainable import with_padding, with_score_head

_LORA_A, _LORA_B = ".lora_A.weight", ".lora_B.weight"


def merge(model: str, out: Path, models_dir: Path, say: Callable[[str], None], device: str = "cpu") -> Path:
    """Write the weights that a spec with an adapter stands for as a model of its own, with its tokenizer.

    A reward model's adapter becomes a model with a score head, for AutoModelForSequenceClassification.

    Raises:
        ModelError: it cannot be loaded or written
    """
    spec = ModelSpec.parse(model)
    if spec.adapter is None:
        raise ModelNotFound(f"{model} has no adapter to merge: write BASE+ADAPTER.")
    adapter = adapter_folder(spec.adapter, say)
    scores = is_reward_adapter(adapter)
    loaded = load_base(spec, models_dir, device, say, may_score=scores)
    tokenizer = with_padding(loaded.tokenizer) if scores else loaded.tokenizer
    model = with_score_head(loaded.model, tokenizer) if scores else loaded.model
    merged = with_adapter(model, adapter).merge_and_unload()
    with writing_to(out, "--out"):
        merged.save_pretrained(out)
        tokenizer.save_pretrained(out)
    return out


def stacked(first: Path, second: Path) -> None:
    """Turn the adapter in `second`, trained on weights that `first` was merged into, into one for the weights without.

    Two adapters add up, and a sum of two low-rank products is one product of the ranks put together: exact, and no
    merged copy of the base has to be kept.

    Raises:
        ModelRefused: one of them is not a plain LoRA
    """
    configs = [json.loads((folder / ADAPTER_CONFIG).read_text("utf-8")) for folder in (first, second)]
    for folder, config in zip((first, second), configs, strict=True):
        if config.get("use_dora") or config.get("bias", "none") != "none" or config.get("rank_pattern"):
            raise ModelRefused(f"{folder} is not a plain LoRA, so another cannot be put on it: merge it first.")
    ranks = [int(config["r"]) for config in configs]
    weights = [load_file(folder / ADAPTER_WEIGHTS) for folder in (first, second)]
    layers = {name.removesuffix(_LORA_A): None for found in weights for name in found if name.endswith(_LORA_A)}
    both: dict[str, Any] = {name: tensor for name, tensor in weights[1].items() if ".lora_" not in name}
    for layer in layers:
        parts = [_parts(found, layer, config) for found, config in zip(weights, configs, strict=True)]
        shaped = next(part for part in parts if part is not None)
        full = [part or _nothing(shaped, rank) for part, rank in zip(parts, ranks, strict=True)]
        both[layer + _LORA_A] = torch.cat([down for down, _ in full], dim=0).contiguous()
        both[layer + _LORA_B] = torch.cat([up for _, up in full], dim=1).contiguous()
    targets = sorted({layer.rpartition(".")[2] for layer in layers})
    told = configs[1] | {"r": sum(ranks), "lora_alpha": sum(ranks), "use_rslora": False, "target_modules": targets}
    save_file(both, second / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    (second / ADAPTER_CONFIG).write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", "utf-8")


def _parts(weights: dict[str, Any], layer: str, config: dict[str, Any]) -> tuple[Any, Any] | None:
    """Return a layer's two matrices, the scale worked into the second."""
    if layer + _LORA_A not in weights:
        return None
    rank = config["r"] ** 0.5 if config.get("use_rslora") else config["r"]
    return weights[layer + _LORA_A], weights[layer + _LORA_B] * (config["lora_alpha"] / rank)


def _nothing(shaped: tuple[Any, Any], rank: int) -> tuple[Any, Any]:
    down, up = shaped
    return down.new_zeros(rank, down.shape[1]), up.new_zeros(up.shape[0], rank)
