"""What is chosen for the method and the machine where a config leaves a knob open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from trainer.config import Method, TrainConfig
from trainer.errors import BadConfig
from trainer.launch import refuse_sharding_on_cpu
from trainer.model_spec import ModelSpec, is_folder_name, local_folder
from trainer.switches import Device, size_of, switches, this_device

_LORA_RATES: dict[Method, float] = {"sft": 2e-4, "dpo": 1e-5, "orpo": 5e-5, "reward": 1e-4}
_FULL_RATES: dict[Method, float] = {"sft": 1e-5, "dpo": 5e-7, "orpo": 5e-6, "reward": 9e-6}


class Settled(NamedTuple):
    """A config with no open knob, and why each switch that was open is set as it is."""

    config: TrainConfig
    why: dict[str, str]


def settle(config: TrainConfig, facts: Device | None = None) -> Settled:
    """Fill every open knob for this machine, or for the one whose facts are given; what was given is never changed.

    Raises:
        BadConfig: this machine cannot do what is asked
    """
    device = _device(config) if facts is None else ("cuda" if facts.is_gpu else "cpu")
    refuse_sharding_on_cpu(config.model_copy(update={"device": device}))
    on_gpu = device == "cuda"
    rates = _FULL_RATES if config.tuning == "full" else _LORA_RATES
    switched = switches(config, facts or this_device(on_gpu), size_of(config) if on_gpu else None)
    chosen: dict[str, Any] = {
        "device": device,
        "learning_rate": rates[config.method],
        "per_device_train_batch_size": 4 if config.method == "sft" else 2,
        "save_steps": 0.25 if config.tuning == "full" else 0.1,
        "steerability_steps": 0 if config.method == "reward" else 0.25 if on_gpu else 0.5,
    }
    missing = {name: value for name, value in chosen.items() if getattr(config, name) is None}
    missing |= {name: switch.value for name, switch in switched.items()}
    why = {name: f"{_written(switch.value)}: {switch.why}" for name, switch in switched.items()}
    # The device as it is seen from here: a run's own GPU is the only one that its process is shown.
    return Settled(config.model_copy(update=missing | {"device": device} | _wherever_it_is_read(config)), why)


def _device(config: TrainConfig) -> str:
    import torch

    device = (config.device or ("cuda" if torch.cuda.is_available() else "cpu")).partition(":")[0]
    if device == "cuda" and not torch.cuda.is_available():
        raise BadConfig("device: this machine has no GPU that torch can use; leave the option out to train on the CPU.")
    return device


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
