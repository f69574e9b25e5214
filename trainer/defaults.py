"""What is chosen for the method and the machine where a config leaves a knob open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trainer.config import Method, TrainConfig
from trainer.errors import BadConfig
from trainer.launch import refuse_sharding_on_cpu
from trainer.model_spec import ModelSpec, is_folder_name, local_folder

_LORA_RATES: dict[Method, float] = {"sft": 2e-4, "dpo": 1e-5, "orpo": 5e-5, "reward": 1e-4}
_FULL_RATES: dict[Method, float] = {"sft": 1e-5, "dpo": 5e-7, "orpo": 5e-6, "reward": 9e-6}


def settled(config: TrainConfig) -> TrainConfig:
    """Fill every open knob for this machine; what was given is kept or refused, never changed.

    Raises:
        BadConfig: this machine cannot do what is asked
    """
    import torch

    device = config.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda:"):  # the one that is shown to this process (trainer/__main__.py)
        device = "cuda"
    _refuse_what_cannot_be(config, device)
    on_gpu = device.startswith("cuda")
    rates = _FULL_RATES if config.tuning == "full" else _LORA_RATES
    chosen: dict[str, Any] = {
        "device": device,
        "learning_rate": rates[config.method],
        "per_device_train_batch_size": 4 if config.method == "sft" else 2,
        "packing": config.method == "sft" and on_gpu,
        "bf16": on_gpu and torch.cuda.is_bf16_supported(),
        "activation_checkpointing": on_gpu and config.tuning == "full",
        "save_steps": 0.25 if config.tuning == "full" else 0.1,
        "steerability_steps": 0 if config.method == "reward" else 0.25 if on_gpu else 0.5,
    }
    missing = {name: value for name, value in chosen.items() if getattr(config, name) is None}
    return config.model_copy(update=missing | _wherever_it_is_read(config))


def _wherever_it_is_read(config: TrainConfig) -> dict[str, str]:
    """Make local paths absolute: the snapshot of a request must mean the same from any folder."""
    named = {name: getattr(config, name) for name in ("dataset", "eval_dataset")}
    found = {name: str(local_folder(text).absolute()) for name, text in named.items() if text and _is_local(text)}
    spec = ModelSpec.parse(config.model)
    if spec.kind == "path":
        spec = replace(spec, name=str(local_folder(spec.name).absolute()))
    if spec.adapter is not None and is_folder_name(spec.adapter):
        spec = replace(spec, adapter=str(local_folder(spec.adapter).absolute()))
    return {**found, "model": str(spec)}


def _is_local(dataset: str) -> bool:
    return local_folder(dataset).exists()


def _refuse_what_cannot_be(config: TrainConfig, device: str) -> None:
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise BadConfig("device: this machine has no GPU that torch can use; leave the option out to train on the CPU.")
    refuse_sharding_on_cpu(config.model_copy(update={"device": device}))
    if device == "cpu" and config.bf16 and not _cpu_has_bf16():
        raise BadConfig(
            "bf16: this processor has no instructions for it and would be about 45 times slower; leave the option out."
        )
    if device == "cpu" and config.optim in ("adamw_bnb_8bit", "paged_adamw_8bit"):
        raise BadConfig(f"optim: {config.optim} runs on GPUs only; leave the option out to train on the CPU.")


def _cpu_has_bf16() -> bool:
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_tile"))
