"""A reward model: one number a text, higher for the answer that fits the system message.

The paper's model was trained in two stages: on multifaceted pairs, and from there on pairs of general helpfulness. Here
the second stage is a second run whose `model` ends with the first one's adapter, which is then trained further.
"""

from __future__ import annotations

from datasets import Dataset
from trl import RewardConfig, RewardTrainer

from trainer.config import TrainConfig
from trainer.recipes.arguments import LENGTH, Given, training_arguments, with_lengths


def reward(config: TrainConfig, given: Given) -> RewardTrainer:
    """Make the trainer of a model with a score head from columns of token ids."""
    arguments = RewardConfig(
        **training_arguments(config, given.output_dir),
        max_length=None,  # rows were cut when they were rendered
        center_rewards_coefficient=config.center_rewards_coefficient,
    )
    return _RewardTrainer(
        args=arguments,
        train_dataset=Dataset.from_dict(with_lengths(whole_texts(given.columns))),
        **given.in_trl_terms(),
    )


class _RewardTrainer(RewardTrainer):
    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["chosen_ids", "rejected_ids", LENGTH]


def whole_texts(columns: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
    """Join prompts and answers: a reward model reads both."""
    return {
        name: [prompt + answer for prompt, answer in zip(columns["prompt_ids"], columns[name], strict=True)]
        for name in ("chosen_ids", "rejected_ids")
    }
