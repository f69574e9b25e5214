"""Direct preference optimisation: prefer the chosen answer to the rejected one, without leaving the start too far.

With an adapter the reference is the same model with the adapter off; in full tuning its log-probabilities are computed
once, before the first step, so no second model stays in memory.
"""

from __future__ import annotations

from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from trainer.config import TrainConfig
from trainer.recipes.arguments import LENGTH, Given, training_arguments, with_lengths


def dpo(config: TrainConfig, given: Given) -> DPOTrainer:
    """Make the trainer of a model from columns of token ids."""
    arguments = DPOConfig(
        **training_arguments(config, given.output_dir),
        max_length=None,  # rows were cut when they were rendered
        beta=config.beta,
        **_loss(config),
        label_smoothing=config.label_smoothing,
        precompute_ref_log_probs=config.tuning == "full",
    )
    return _RenderedDPOTrainer(
        args=arguments,
        train_dataset=Dataset.from_dict(with_lengths(given.columns)),
        **given.in_trl_terms(),
    )


def _loss(config: TrainConfig) -> dict[str, list[Any]]:
    """Name the parts of the loss; the second is the one of sft, over the chosen answers (arXiv:2404.19733 §3)."""
    if not config.sft_weight:
        return {"loss_type": [config.loss_type]}
    return {"loss_type": [config.loss_type, "sft"], "loss_weights": [1.0, config.sft_weight]}


class _RenderedDPOTrainer(DPOTrainer):
    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        """Take the token ids as they are: TRL would render the conversations anew, in its own way."""
        return dataset

    def _set_signature_columns_if_needed(self) -> None:
        columns = ["prompt_ids", "chosen_ids", "rejected_ids", "ref_chosen_logps", "ref_rejected_logps"]
        self._signature_columns = [*columns, LENGTH]
