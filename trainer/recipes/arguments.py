"""What all trainers are told alike."""

from __future__ import annotations

from typing import Any, NamedTuple

from peft import LoraConfig
from transformers import PreTrainedTokenizerBase, TrainerCallback

from trainer.config import TrainConfig

_PASSED_ON = (
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "weight_decay",
    "max_grad_norm",
    "optim",
    "adam_beta1",
    "adam_beta2",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "seed",
    "bf16",
    "save_steps",
    "save_total_limit",
    "train_sampling_strategy",
)


class Given(NamedTuple):
    """What a recipe makes its trainer of, beside the config."""

    model: Any
    """A language model; for a reward model, with its score head on."""
    tokenizer: PreTrainedTokenizerBase
    columns: dict[str, list[list[int]]]
    """Token ids, a list a row."""
    output_dir: str
    callbacks: list[TrainerCallback]
    peft_config: LoraConfig | None = None

    def in_trl_terms(self) -> dict[str, Any]:
        """Return what every trainer of TRL takes by the same names."""
        return {
            "model": self.model,
            "processing_class": self.tokenizer,
            "peft_config": self.peft_config,
            "callbacks": self.callbacks,
        }


LENGTH = "length"
"""The column by which rows of like length are put together, where that is asked for."""


def with_lengths(columns: dict[str, list[list[int]]]) -> dict[str, list[Any]]:
    """Add each row's length in tokens, of all its texts together."""
    return {**columns, LENGTH: [sum(map(len, texts)) for texts in zip(*columns.values(), strict=True)]}


def training_arguments(config: TrainConfig, output_dir: str) -> dict[str, Any]:
    """Turn a settled config into what transformers' TrainingArguments take; nothing is left to their defaults' mood."""
    return {
        **{name: getattr(config, name) for name in _PASSED_ON},
        "output_dir": output_dir,
        "max_steps": config.max_steps or -1,
        "use_cpu": config.device == "cpu",
        "gradient_checkpointing": bool(config.activation_checkpointing),
        "save_strategy": "steps",
        "logging_steps": 1,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # a loss that is no number is shown, not replaced
        "report_to": "none",
        "disable_tqdm": True,
        "push_to_hub": False,
        "dataloader_pin_memory": config.device != "cpu",
        "save_only_model": False,
        # Said only where it is meant: TRL is about to remove it, and warns.
        **({"use_liger_kernel": True} if config.use_liger_kernel else {}),
    }
