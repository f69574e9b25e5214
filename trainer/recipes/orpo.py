"""Odds-ratio preference optimisation: learn the chosen answer and push the rejected one away, in one go, from the base.

The only file that imports from `trl.experimental`, which moves between versions. TRL's trainer takes its own renderings
and trains the prompt too; both are replaced here, so that answers alone are trained, as in the other recipes.
"""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from trainer.config import TrainConfig
from trainer.flat_batch import IGNORED
from trainer.recipes.arguments import Given, training_arguments, with_lengths


def orpo(config: TrainConfig, given: Given) -> ORPOTrainer:
    """Make the trainer of a model from columns of token ids."""
    arguments = ORPOConfig(
        **training_arguments(config, given.output_dir),
        max_length=config.max_length,
        beta=config.beta,
        remove_unused_columns=False,
    )
    texts = [""] * len(given.columns["prompt_ids"])  # TRL looks for these names before it asks for tokens
    return _RenderedORPOTrainer(
        args=arguments,
        train_dataset=Dataset.from_dict(
            {**with_lengths(given.columns), "prompt": texts, "chosen": texts, "rejected": texts}
        ),
        **given.in_trl_terms(),
    )


class _RenderedORPOTrainer(ORPOTrainer):
    def tokenize_row(self, feature: dict[str, Any], model: Any = None) -> dict[str, list[int]]:
        """Lay out the token ids of a row as TRL's collator wants them."""
        row: dict[str, list[int]] = {"prompt_input_ids": feature["prompt_ids"]}
        row["prompt_attention_mask"] = [1] * len(feature["prompt_ids"])
        for side in ("chosen", "rejected"):
            ids = feature["prompt_ids"] + feature[f"{side}_ids"]
            row[f"{side}_input_ids"] = ids
            row[f"{side}_attention_mask"] = [1] * len(ids)
            row[f"{side}_labels"] = [IGNORED] * len(feature["prompt_ids"]) + feature[f"{side}_ids"]
        return row

    def concatenated_forward(self, model: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, ...]:
        """Run both answers; the likelihood part of the loss counts the tokens of chosen answers, not of questions."""
        both = self.concatenated_inputs(batch, padding_value=self.padding_value, device=self.accelerator.device)
        labels = both["concatenated_labels"]
        logits = model(
            both["concatenated_input_ids"], attention_mask=both["concatenated_attention_mask"], use_cache=False
        ).logits
        sums = self.get_batch_logps(logits, labels)
        counts = (labels[:, 1:] != IGNORED).sum(-1)
        chosen = len(batch["chosen_labels"])
        likelihood_loss = -sums[:chosen].sum() / counts[:chosen].sum()
        means = sums / counts
        return means[:chosen], means[chosen:], logits[:chosen], logits[chosen:], likelihood_loss
