"""Direct preference optimisation: prefer the chosen answer to the rejected one, without leaving the start too far.

With an adapter the reference is the same model with the adapter off; in full tuning its log-probabilities are computed
once, before the first step, so no second model stays in memory.
"""

from __future__ import annotations

from typing import Any

from datasets import Dataset
from peft import LoraConfig
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl import DPOConfig, DPOTrainer

from trainer.config import TrainConfig
from trainer.recipes.arguments import LENGTH, training_arguments, with_lengths


def dpo(
    config: TrainConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    columns: dict[str, list[list[int]]],
    output_dir: str,
    callbacks: list[TrainerCallback],
    peft_config: LoraConfig | None = None,
) -> DPOTrainer:
    """Make the trainer of a model from columns of token ids."""
    arguments = DPOConfig(
        **training_arguments(config, output_dir),
        max_length=None,  # rows were cut when they were rendered
        beta=config.beta,
        loss_type=[config.loss_type],
        label_smoothing=config.label_smoothing,
        precompute_ref_log_probs=config.tuning == "full",
    )
    return _RenderedDPOTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict(with_lengths(columns)),
        processing_class=tokenizer,
        peft_config=peft_config,
        callbacks=callbacks,
    )


class _RenderedDPOTrainer(DPOTrainer):
    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        """Take the token ids as they are: TRL would render the conversations anew, in its own way."""
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        columns = ["prompt_ids", "chosen_ids", "rejected_ids", "ref_chosen_logps", "ref_rejected_logps"]
        self._signature_columns = [*columns, LENGTH]
