"""Values that runs start from: the paper's own for 7B (arXiv:2405.17977, configs of its repository), and smaller."""

from __future__ import annotations

from typing import Any

from trainer.errors import BadConfig

# Four GPUs of 80 GB; axolotl 0.4.0, full fine-tuning in bf16.
_PAPER: dict[str, Any] = {
    "tuning": "full",
    "optim": "adamw_bnb_8bit",
    "lr_scheduler_type": "cosine",
    "warmup_steps": 10,
    "weight_decay": 0.0,
    "bf16": True,
    "activation_checkpointing": True,
    "gradient_accumulation_steps": 4,
    "num_processes": 4,
}
# 32 packed rows of 8192 tokens a step.
_PAPER_SFT = {
    **_PAPER,
    "method": "sft",
    "learning_rate": 5e-6,
    "per_device_train_batch_size": 2,
    "max_length": 8192,
    "packing": True,
}
# OpenRLHF 0.2: DeepSpeed ZeRO-3, 128 pairs a step as 8 × 4 GPUs × 4.
_PAPER_REWARD = {
    **_PAPER,
    "method": "reward",
    "optim": "adamw_torch",
    "adam_beta1": 0.9,
    "adam_beta2": 0.95,
    "learning_rate": 9e-6,
    "warmup_steps": 0.03,
    "num_train_epochs": 1,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 4,
    "max_length": 2048,
    "max_grad_norm": 1.0,
    "strategy": "deepspeed",
    "seed": 42,
}
_BASE_7B = "hf:mistral-community/Mistral-7B-v0.2"
_LORA_GPU = {"tuning": "lora", "r": 16, "lora_alpha": 32, "per_device_train_batch_size": 4, "max_length": 2048}
_EMBEDDED = {
    "model": "embedded:smollm2",
    "tuning": "lora",
    "r": 16,
    "lora_alpha": 32,
    "per_device_train_batch_size": 4,
    "max_length": 768,
    "warmup_steps": 3,
}

PRESETS: dict[str, dict[str, Any]] = {
    "janus-sft-7b": {**_PAPER_SFT, "model": _BASE_7B, "num_train_epochs": 4},
    "janus-sft-7b-one-epoch": {**_PAPER_SFT, "model": _BASE_7B, "num_train_epochs": 1},
    "janus-sft-7b-small": {
        **_PAPER_SFT,
        "model": _BASE_7B,
        "num_train_epochs": 4,
        "system_messages_per_instruction": 1,
    },
    "janus-dpo-7b": {
        **_PAPER,
        "method": "dpo",
        "learning_rate": 5e-7,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 1,
        "max_length": 2048,
        "beta": 0.1,
    },
    "janus-orpo-7b": {
        **_PAPER,
        "method": "orpo",
        "model": _BASE_7B,
        "learning_rate": 5e-6,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 1,
        "max_length": 4096,
        "beta": 0.1,
    },
    "janus-rm-7b-stage-1": {**_PAPER_REWARD, "save_steps": 100},
    "janus-rm-7b-stage-2": {**_PAPER_REWARD, "save_steps": 500, "max_rows": 66_000},
    "7b-lora": {**_LORA_GPU, "gradient_accumulation_steps": 4},
    "7b-qlora": {**_LORA_GPU, "tuning": "qlora", "per_device_train_batch_size": 1, "gradient_accumulation_steps": 16},
    "1b-lora": {**_LORA_GPU, "per_device_train_batch_size": 16},
    "embedded-sft": {**_EMBEDDED, "method": "sft", "learning_rate": 2e-4, "max_steps": 100},
    "embedded-dpo": {
        **_EMBEDDED,
        "method": "dpo",
        "learning_rate": 2e-5,
        "per_device_train_batch_size": 2,
        "max_steps": 50,
    },
    "embedded-orpo": {
        **_EMBEDDED,
        "method": "orpo",
        "learning_rate": 1e-4,
        "per_device_train_batch_size": 2,
        "max_steps": 50,
    },
    "embedded-reward": {
        **_EMBEDDED,
        "method": "reward",
        "learning_rate": 1e-4,
        "per_device_train_batch_size": 2,
        "max_steps": 50,
    },
}


def preset_values(name: str | None) -> dict[str, Any]:
    """Return what a preset says; nothing for no preset.

    Raises:
        BadConfig: there is no such preset
    """
    if name is None:
        return {}
    if name not in PRESETS:
        raise BadConfig(f"preset: there is no {name!r}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
