"""A base model made ready to be trained: its starting adapter merged, its weights quantised, its head replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, TaskType, prepare_model_for_kbit_training
from transformers import (
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from trainer.adapter import is_reward_adapter, with_adapter
from trainer.config import TrainConfig
from trainer.errors import BadConfig
from trainer.model import SCORES, adapter_folder, load_base
from trainer.model_spec import ModelSpec
from trainer.switches import FLASH

Say = Callable[[str], None]


class Trainable(NamedTuple):
    """What a recipe trains, and what its adapter must say of where it came from."""

    model: Any
    """A plain model, or a peft model where an adapter is trained further."""
    tokenizer: PreTrainedTokenizerBase
    peft_config: LoraConfig | None
    """The new adapter that the recipe's trainer puts on; none in full tuning and where one is trained further."""
    base_name: str
    revision: str | None
    merged: Path | None
    """The adapter that was merged into the weights before training, and belongs to what is trained."""


def load_trainable(config: TrainConfig, models_dir: Path, say: Say) -> Trainable:
    """Load what a settled config names.

    Raises:
        ModelError, BadConfig
    """
    spec = ModelSpec.parse(config.model)
    scores = config.method == "reward"
    loaded = load_base(spec, models_dir, str(config.device), say, quantization_config=_bits(config), may_score=scores)
    model, tokenizer = loaded.model, with_padding(loaded.tokenizer)
    if config.attn_implementation == FLASH:
        model.set_attn_implementation(FLASH)
    adapter = None if spec.adapter is None else adapter_folder(spec.adapter, say)
    goes_on_scoring = adapter is not None and is_reward_adapter(adapter)
    if goes_on_scoring and not scores:
        raise BadConfig(f"model: {spec.adapter} is a reward model's adapter, which {config.method} cannot start from.")
    set_seed(config.seed)  # the head and the adapter begin at random
    if adapter is not None and not goes_on_scoring:
        say(f"Merging the adapter {spec.adapter} into the weights")
        model = with_adapter(model, adapter).merge_and_unload()
    if scores:
        model = with_score_head(model, tokenizer)
    # peft looks there for the base's configuration at every checkpoint; of a name on the Hub, it would ask the Hub.
    model.config._name_or_path = str(loaded.folder)
    name = base_name(spec, loaded.folder_or_repo)
    if adapter is not None and goes_on_scoring:
        model = with_adapter(model, adapter, is_trainable=True)
        model.peft_config["default"].base_model_name_or_path = str(loaded.folder)
        return Trainable(model, tokenizer, None, name, loaded.revision, None)
    if config.tuning == "qlora":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=bool(config.activation_checkpointing))
    peft_config = None if config.tuning == "full" else _lora(config)
    return Trainable(model, tokenizer, peft_config, name, loaded.revision, adapter)


def base_for(config: TrainConfig, models_dir: Path, say: Say, weights: Path | None = None) -> Any:
    """Load the base again as it was trained on, without any adapter; or the weights that a full run has saved."""
    spec = replace(ModelSpec.parse(config.model), adapter=None) if weights is None else ModelSpec("path", str(weights))
    scores = config.method == "reward"
    loaded = load_base(spec, models_dir, str(config.device), say, quantization_config=_bits(config), may_score=scores)
    return with_score_head(loaded.model, with_padding(loaded.tokenizer)) if scores else loaded.model


def base_name(spec: ModelSpec, folder_or_repo: str) -> str:
    """Name a base so that it means something elsewhere: the Hub's id, or of a local model the folder's own name."""
    return Path(folder_or_repo).resolve().name if spec.kind == "path" else folder_or_repo


def with_padding(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Let the end token stand for padding where a model has no token for that."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _bits(config: TrainConfig) -> BitsAndBytesConfig | None:
    if config.tuning != "qlora":
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if config.bf16 else torch.float32,
    )


def _lora(config: TrainConfig) -> LoraConfig:
    targets = config.target_modules
    return LoraConfig(
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type=TaskType.SEQ_CLS if config.method == "reward" else TaskType.CAUSAL_LM,
    )


def with_score_head(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Put one number a text where the vocabulary was: read at the last token, no bias, as OpenRLHF's reward models.

    A model that scores already keeps its head.
    """
    if type(model).__name__.endswith(SCORES):
        return model
    model.config.num_labels = 1
    model.config.pad_token_id = tokenizer.pad_token_id
    with torch.device("meta"):  # only the frame: the weights are those of the language model
        reward = AutoModelForSequenceClassification.from_config(model.config)
    setattr(reward, reward.base_model_prefix, model.base_model)
    hidden = model.config.get_text_config().hidden_size
    reward.score = torch.nn.Linear(hidden, 1, bias=False, device=model.device, dtype=torch.float32)
    torch.nn.init.normal_(reward.score.weight, std=1 / (hidden + 1))
    reward.score.to(model.dtype)
    return reward.eval()
