"""Configs settled for devices that are not here: what is switched on, and why. Nothing of it is run."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from transformers.modeling_flash_attention_utils import FlashAttentionKwargs
from trl import DPOConfig, RewardConfig, SFTConfig

from trainer.config import TrainConfig
from trainer.defaults import Settled, settle
from trainer.errors import BadConfig
from trainer.flat_batch import flash_lengths
from trainer.quiet import quieten
from trainer.recipes.arguments import training_arguments
from trainer.switches import Device, Size, needed_gib, size_of

EVERYTHING = frozenset({"flash_attn", "liger_kernel"})
H200 = Device(True, "NVIDIA H200", (9, 0), 140.0, installed=EVERYTHING)
T4 = Device(True, "Tesla T4", (7, 5), 15.0, installed=EVERYTHING)
CPU = Device(False, "this processor")
AMX = replace(CPU, cpu_has_bf16=True)
MISTRAL_7B = Size(7.24e9, hidden=4096, intermediate=14336, layers=32, vocabulary=32000)


def settled_for(device: Device, model: str = "embedded:smollm2", **options: Any) -> Settled:
    return settle(TrainConfig.read({"method": "sft", "dataset": "rows.jsonl", "model": model} | options), device)


@pytest.mark.parametrize(
    ("device", "options", "expected"),
    [
        (
            H200,
            {},
            {
                "bf16": True,
                "optim": "adamw_torch_fused",
                "packing": True,
                "attn_implementation": "flash_attention_2",
                "use_liger_kernel": True,
                "activation_checkpointing": False,
            },
        ),
        (replace(H200, installed=frozenset()), {}, {"attn_implementation": "sdpa", "use_liger_kernel": False}),
        (H200, {"bf16": False}, {"attn_implementation": "sdpa"}),
        (H200, {"method": "dpo"}, {"packing": False, "use_liger_kernel": True}),
        (H200, {"method": "orpo"}, {"use_liger_kernel": False, "attn_implementation": "flash_attention_2"}),
        (H200, {"method": "reward"}, {"use_liger_kernel": False}),
        (H200, {"optim": "sgd", "packing": False}, {"optim": "sgd", "packing": False}),
        (T4, {}, {"bf16": False, "attn_implementation": "sdpa", "optim": "adamw_torch_fused"}),
        (
            CPU,
            {},
            {
                "bf16": False,
                "optim": "adamw_torch",
                "packing": False,
                "attn_implementation": "sdpa",
                "use_liger_kernel": False,
                "activation_checkpointing": False,
            },
        ),
        (AMX, {}, {"bf16": False}),
        (AMX, {"bf16": True}, {"bf16": True}),
    ],
)
def test_what_is_switched_on_where(device: Device, options: dict[str, Any], expected: dict[str, Any]) -> None:
    config, why = settled_for(device, **options)
    assert {name: getattr(config, name) for name in expected} == expected
    assert why.keys() == {
        name
        for name in ("bf16", "optim", "packing", "attn_implementation", "use_liger_kernel", "activation_checkpointing")
        if name not in options
    }
    assert all(text.startswith(_written(getattr(config, name))) for name, text in why.items())


@pytest.mark.parametrize(
    ("device", "options", "sentence"),
    [
        (CPU, {"bf16": True}, "bf16: this processor has no instructions for it"),
        (CPU, {"optim": "paged_adamw_8bit"}, "optim: paged_adamw_8bit runs on GPUs only"),
        (CPU, {"attn_implementation": "flash_attention_2"}, "attn_implementation: flash-attn runs on GPUs only"),
        (CPU, {"use_liger_kernel": True}, "use_liger_kernel: liger-kernel runs on GPUs only"),
        (T4, {"attn_implementation": "flash_attention_2"}, "wants a GPU with bfloat16"),
        (replace(H200, installed=frozenset()), {"use_liger_kernel": True}, "run pip install liger-kernel first"),
        (H200, {"use_liger_kernel": True, "method": "orpo"}, "Liger would replace the loss of orpo"),
    ],
)
def test_what_does_not_work_there_is_refused(device: Device, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadConfig, match=sentence):
        settled_for(device, **options)


@pytest.mark.parametrize(
    ("options", "is_needed"),
    [
        ({"tuning": "lora", "max_length": 2048}, False),
        ({"tuning": "lora", "max_length": 8192}, True),
        ({"tuning": "qlora", "max_length": 2048, "per_device_train_batch_size": 1}, False),
        ({"tuning": "full", "max_length": 8192, "per_device_train_batch_size": 2}, True),
        ({"tuning": "full", "max_length": 1024, "per_device_train_batch_size": 1}, False),
    ],
)
def test_activations_are_kept_where_they_fit(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], is_needed: bool
) -> None:
    monkeypatch.setattr("trainer.defaults.size_of", lambda _: MISTRAL_7B)
    config, why = settled_for(H200, "hf:mistral-community/Mistral-7B-v0.2", **options)
    assert config.activation_checkpointing is is_needed
    assert "is calculated to need" in why["activation_checkpointing"]
    assert "of 140 GiB" in why["activation_checkpointing"]


def test_more_rows_and_more_weights_need_more_memory() -> None:
    def needed(**options: Any) -> float:
        return needed_gib(settled_for(H200, **options).config, MISTRAL_7B)

    usual = needed(max_length=2048)
    assert 7.24e9 * 2 / 2**30 < usual < 100
    assert needed(max_length=4096) > usual
    assert needed(max_length=2048, per_device_train_batch_size=1) < usual
    assert needed(max_length=2048, tuning="full") > usual + 38
    assert needed(max_length=2048, tuning="qlora") < usual
    assert needed(max_length=2048, tuning="full", strategy="fsdp", num_processes=8) < usual


def test_a_models_shape_is_read_without_its_weights(tiny: dict[str, Path], tmp_path: Path) -> None:
    def size(model: str) -> Size | None:
        return size_of(TrainConfig.read({"method": "sft", "dataset": "rows.jsonl", "model": model}))

    (tmp_path / "config.json").write_text((tiny["mistral"] / "config.json").read_text())
    found = size(f"path:{tmp_path}")
    assert found is not None
    assert (found.hidden, found.intermediate, found.layers) == (64, 128, 2)
    assert found.parameters == sum(_numbers(tiny["mistral"]))
    assert size(f"path:{tmp_path / 'nowhere'}") is None
    assert size("hf:no/where") is None  # the tests have no Hub


@pytest.mark.parametrize("method", ["sft", "dpo", "orpo", "reward"])
def test_every_argument_is_one_that_trl_knows(method: str) -> None:
    quieten()  # importing ORPO warns of its being experimental
    from trainer.recipes.orpo import ORPOConfig

    configs = {"sft": SFTConfig, "dpo": DPOConfig, "orpo": ORPOConfig, "reward": RewardConfig}
    told = training_arguments(settled_for(H200, method=method).config, "out")
    known = {field.name for field in fields(configs[method])}
    assert told.keys() <= known
    assert ("use_liger_kernel" in told) == (method in ("sft", "dpo"))
    assert told["optim"] == "adamw_torch_fused"


def test_flash_attention_is_told_the_borders_in_its_own_words() -> None:
    import torch

    told = flash_lengths([3, 5, 2], torch.device("cpu"))
    assert told.keys() <= FlashAttentionKwargs.__annotations__.keys()
    assert told["cu_seq_lens_q"].tolist() == [0, 3, 8, 10]
    assert told["cu_seq_lens_q"].dtype == torch.int32
    assert told["max_length_k"] == 5


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _numbers(folder: Path) -> list[int]:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as file:
        return [file.get_tensor(name).numel() for name in file.keys()]  # noqa: SIM118
