"""What makes a run fast on its device: each switch that a config leaves open, with the reason for how it was set.

Only facts decide: what the device can do, what is installed, and how much memory the run is calculated to need.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

from trainer.config import TrainConfig
from trainer.errors import BadConfig, ModelError

_AMPERE = (8, 0)
_SAFE_SHARE = 0.85  # of the memory; the rest is for the CUDA context, fragments, and what was not thought of
FLASH = "flash_attention_2"
"""As transformers calls it."""

_FLASH_PACKAGE, _LIGER_PACKAGE = "flash_attn", "liger_kernel"
_LIGER_METHODS = ("sft", "dpo")
"""Those whose TRL trainers apply Liger's layers alone; elsewhere its loss would replace the model's forward."""


class Switch(NamedTuple):
    """A value, and why it is this one."""

    value: Any
    why: str


@dataclass(frozen=True)
class Device:
    """What a run's device can do, and what is installed for it."""

    is_gpu: bool
    name: str
    capability: tuple[int, int] = (0, 0)
    """Of a GPU, as CUDA counts; 8.0 and above compute in bfloat16."""
    memory_gib: float = 0.0
    cpu_has_bf16: bool = False
    installed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Size:
    """What of a model's shape decides how much memory it takes."""

    parameters: float
    hidden: int
    intermediate: int
    layers: int
    vocabulary: int


def this_device(is_gpu: bool) -> Device:
    """Look at the device that this process would train on."""
    import torch

    installed = frozenset(name for name in (_FLASH_PACKAGE, _LIGER_PACKAGE) if find_spec(name) is not None)
    if not is_gpu:
        features = torch.cpu.get_capabilities()
        has_bf16 = bool(features.get("avx512_bf16") or features.get("amx_tile"))
        return Device(False, "this processor", cpu_has_bf16=has_bf16, installed=installed)
    facts = torch.cuda.get_device_properties(0)
    return Device(True, facts.name, (facts.major, facts.minor), facts.total_memory / 2**30, installed=installed)


def switches(config: TrainConfig, device: Device, size: Size | None) -> dict[str, Switch]:
    """Decide every switch that a config leaves open; `size` is None where the model's shape is not known yet.

    Raises:
        BadConfig: what was asked for does not work on this device
    """
    _refuse(config, device)
    bf16 = _bf16(device)
    found = {"bf16": bf16, "optim": _optim(device), "packing": _packing(config, device)}
    if device.is_gpu:
        found["attn_implementation"] = _attention(device, bf16.value if config.bf16 is None else config.bf16)
        found["use_liger_kernel"] = _liger(config, device)
    else:
        found["attn_implementation"] = Switch("sdpa", "FlashAttention runs on GPUs only")
        found["use_liger_kernel"] = Switch(False, "Liger kernels run on GPUs only")
    found["activation_checkpointing"] = _checkpointing(config, device, size)
    return {name: switch for name, switch in found.items() if getattr(config, name) is None}


def size_of(config: TrainConfig) -> Size | None:
    """Read a model's shape from its configuration, without its weights; None where that cannot be had."""
    from trainer.foreign_code import refuse_foreign_code
    from trainer.hub_snapshot import fetch, resolve_commit
    from trainer.model_spec import ModelSpec, local_folder

    spec = ModelSpec.parse(config.model)
    try:
        if spec.kind == "embedded":
            return Size(135e6, hidden=576, intermediate=1536, layers=30, vocabulary=49152)
        if spec.kind == "path":
            folder = local_folder(spec.name)
        else:
            folder = fetch(spec.name, resolve_commit(spec.name, spec.revision), ["config.json"])
        refuse_foreign_code(folder, spec.base)
        return _size_in(str(folder))
    except (ModelError, OSError, ValueError):
        return None  # loading the model will say what is wrong with it


def needed_gib(config: TrainConfig, size: Size) -> float:
    """Calculate the memory that a run on a GPU needs without activation checkpointing."""
    n = size.parameters
    weights = n * (0.6 if config.tuning == "qlora" else 2)
    # Full tuning: gradients and Adam's two averages in bfloat16, or those in 8 bits. Adapters: in fp32, but few.
    moved = n * (4 if "8bit" in str(config.optim) else 6) if config.tuning == "full" else 0.02 * n * 16
    shared = 1 if config.strategy == "ddp" else config.num_processes
    # What a layer keeps of a token for its gradients, in bfloat16: twelve vectors, four wide ones, fp32 norms.
    a_token = size.layers * (28 * size.hidden + 8 * size.intermediate)
    if config.method in ("dpo", "orpo"):
        a_token += 10 * size.vocabulary  # their logits are not taken in pieces
    return ((weights + moved) / shared + _tokens_at_once(config) * a_token) / 2**30


def _tokens_at_once(config: TrainConfig) -> int:
    rows = config.per_device_train_batch_size or (4 if config.method == "sft" else 2)
    return rows * config.max_length * (1 if config.method == "sft" else 2)


def _size_in(folder: str) -> Size:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        parameters = AutoModelForCausalLM.from_config(shape).num_parameters()
    text = shape.get_text_config()
    intermediate = getattr(text, "intermediate_size", 4 * text.hidden_size)
    return Size(parameters, text.hidden_size, intermediate, text.num_hidden_layers, text.vocab_size)


def _bf16(device: Device) -> Switch:
    if device.is_gpu and device.capability >= _AMPERE:
        return Switch(True, f"{device.name} computes in bfloat16")
    if device.is_gpu:
        return Switch(False, f"{device.name} has no bfloat16 of its own, and would only imitate it")
    if not device.cpu_has_bf16:
        return Switch(False, "this processor has no instructions for bfloat16 and would be about 45 times slower")
    return Switch(
        False, "fp32 is the reference on a CPU; this one has instructions for bfloat16, so true may be faster"
    )


def _optim(device: Device) -> Switch:
    if device.is_gpu:
        return Switch("adamw_torch_fused", "one kernel moves all weights of a GPU")
    return Switch(
        "adamw_torch", "equal runs stay equal to the last digit, and the optimiser is not what a CPU waits for"
    )


def _packing(config: TrainConfig, device: Device) -> Switch:
    if config.method != "sft":
        return Switch(False, f"{config.method} compares whole answers")
    if device.is_gpu:
        return Switch(True, "full rows keep a GPU busy; conversations in one row do not see each other")
    return Switch(False, "on a CPU, batches without padding are as fast, and small ones learn more a token")


def _attention(device: Device, is_bf16: bool) -> Switch:
    if _FLASH_PACKAGE not in device.installed:
        return Switch("sdpa", "the package flash-attn is not installed")
    if device.capability < _AMPERE or not is_bf16:
        return Switch("sdpa", "FlashAttention 2 wants bfloat16")
    return Switch(FLASH, "flash-attn is installed, and takes rows of many conversations without a mask")


def _liger(config: TrainConfig, device: Device) -> Switch:
    if config.method not in _LIGER_METHODS:
        return Switch(False, f"Liger would replace the loss of {config.method}")
    if _LIGER_PACKAGE not in device.installed:
        return Switch(False, "the package liger-kernel is not installed")
    return Switch(True, "liger-kernel is installed: norms, rotations and gates in one kernel each, in less memory")


def _checkpointing(config: TrainConfig, device: Device, size: Size | None) -> Switch:
    if not device.is_gpu:
        return Switch(False, "it costs a third of the time, and a CPU's memory is rarely what runs out")
    if size is None:
        is_needed = config.tuning == "full"
        return Switch(is_needed, "the model's size is not known yet: on for full tuning, off for adapters")
    needed, there = needed_gib(config, size), device.memory_gib
    told = f"without it the run is calculated to need {needed:.0f} of {there:.0f} GiB"
    return Switch(needed > _SAFE_SHARE * there, told)


def _refuse(config: TrainConfig, device: Device) -> None:
    if not device.is_gpu and config.bf16 and not device.cpu_has_bf16:
        raise BadConfig(
            "bf16: this processor has no instructions for it and would be about 45 times slower; leave the option out."
        )
    if not device.is_gpu and config.optim in ("adamw_bnb_8bit", "paged_adamw_8bit"):
        raise BadConfig(f"optim: {config.optim} runs on GPUs only; leave the option out to train on the CPU.")
    if config.attn_implementation == FLASH:
        _refuse_package("attn_implementation", device, _FLASH_PACKAGE)
        if device.capability < _AMPERE or config.bf16 is False:
            raise BadConfig("attn_implementation: FlashAttention 2 wants a GPU with bfloat16; leave the option out.")
    if config.use_liger_kernel:
        _refuse_package("use_liger_kernel", device, _LIGER_PACKAGE)
        if config.method not in _LIGER_METHODS:
            raise BadConfig(f"use_liger_kernel: Liger would replace the loss of {config.method}; leave the option out.")


def _refuse_package(option: str, device: Device, package: str) -> None:
    name = package.replace("_", "-")
    if not device.is_gpu:
        raise BadConfig(f"{option}: {name} runs on GPUs only; leave the option out.")
    if package not in device.installed:
        raise BadConfig(f"{option}: run pip install {name} first, or leave the option out.")
