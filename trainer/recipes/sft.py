"""Supervised fine-tuning: learn the answer that was written for a system message and a question.

TRL's trainer runs it. Two things differ from its own: batches are flat instead of padded, and on a CPU only the
answers' tokens go through the output layer, without the entropy and accuracy that nobody asked for. The loss is the
same (tests/trainer/recipes/test_sft.py).
"""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from torch.nn import functional
from trl import SFTConfig, SFTTrainer

from trainer import document_attention
from trainer.config import TrainConfig
from trainer.flat_batch import IGNORED, flash_lengths, flat_collator, packed, with_labels
from trainer.recipes.arguments import Given, training_arguments
from trainer.switches import FLASH


def sft(config: TrainConfig, given: Given) -> SFTTrainer:
    """Make the trainer of a model from columns of token ids."""
    rows = with_labels(given.columns)
    if config.packing:
        rows = packed(rows, config.max_length)
    arguments = SFTConfig(
        **training_arguments(config, given.output_dir),
        max_length=None,  # rows were cut when they were rendered
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    if not config.padding_free and not config.packing:
        rows.pop("document_lengths")
        return SFTTrainer(args=arguments, train_dataset=Dataset.from_dict(rows), **given.in_trl_terms())
    if config.attn_implementation != FLASH:  # which keeps conversations apart by itself
        given.model.set_attn_implementation(document_attention.NAME)
    return _FlatSFTTrainer(
        args=arguments,
        data_collator=flat_collator,
        train_dataset=Dataset.from_dict(rows),
        **given.in_trl_terms(),
    )


class _FlatSFTTrainer(SFTTrainer):
    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "document_lengths"]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean loss a trained token of the step; on a GPU TRL's fused kernels do it."""
        if inputs["input_ids"].device.type != "cpu":
            if self.model.config._attn_implementation == FLASH:
                inputs |= flash_lengths(inputs.pop("document_lengths"), inputs["input_ids"].device)
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss, trained = answer_loss(model, inputs)
        loss = loss / (trained if num_items_in_batch is None else num_items_in_batch)
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            loss = loss * self.accelerator.num_processes  # DDP will average what here is already summed
        tokens = torch.tensor(inputs["input_ids"].numel())
        self._total_train_tokens += int(self.accelerator.gather(tokens).sum())
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return loss


def answer_loss(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, int]:
    """Return the summed loss (nats) of the trained tokens of a flat batch, and how many they are.

    Only their logits are computed: of a row with a system message, more than half the tokens are not trained.
    """
    labels = inputs["labels"][0, 1:]
    places = (labels != IGNORED).nonzero()[:, 0]
    logits = model(
        input_ids=inputs["input_ids"],
        position_ids=inputs["position_ids"],
        document_lengths=inputs["document_lengths"],
        logits_to_keep=places,
        use_cache=False,
    ).logits[0]
    return functional.cross_entropy(logits.float(), labels[places], reduction="sum"), len(places)
