"""A base model made ready to be trained: its starting adapter merged, its weights quantised, its head replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, PeftModel, TaskType, prepare_model_for_kbit_training
from transformers import (
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from trainer.config import TrainConfig
from trainer.errors import BadConfig
from trainer.foreign_code import read_config
from trainer.model import ADAPTER_CONFIG, adapter_folder, load_base
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
    loaded = load_base(spec, models_dir, str(config.device), say, quantization_config=_bits(config))
    model, tokenizer = loaded.model, loaded.tokenizer
    if config.attn_implementation == FLASH:
        model.set_attn_implementation(FLASH)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    adapter = None if spec.adapter is None else adapter_folder(spec.adapter, say)
    is_reward_adapter = adapter is not None and read_config(adapter / ADAPTER_CONFIG).get("task_type") == "SEQ_CLS"
    if is_reward_adapter and config.method != "reward":
        raise BadConfig(f"model: {spec.adapter} is a reward model's adapter, which {config.method} cannot start from.")
    set_seed(config.seed)  # the head and the adapter begin at random
    if adapter is not None and not is_reward_adapter:
        say(f"Merging the adapter {spec.adapter} into the weights")
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    if config.method == "reward":
        model = _with_score_head(model, tokenizer)
    # peft looks there for the base's configuration at every checkpoint; of a name on the Hub, it would ask the Hub.
    model.config._name_or_path = str(loaded.folder)
    name = base_name(spec, loaded.folder_or_repo)
    if is_reward_adapter:
        model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
        model.peft_config["default"].base_model_name_or_path = str(loaded.folder)
        return Trainable(model, tokenizer, None, name, loaded.revision, None)
    if config.tuning == "qlora":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=bool(config.activation_checkpointing))
    peft_config = None if config.tuning == "full" else _lora(config)
    return Trainable(model, tokenizer, peft_config, name, loaded.revision, adapter)


def base_for(config: TrainConfig, models_dir: Path, say: Say, weights: Path | None = None) -> Any:
    """Load the base again as it was trained on, without any adapter; or the weights that a full run has saved."""
    if config.method == "reward" and weights is not None:
        return AutoModelForSequenceClassification.from_pretrained(
            weights, dtype=torch.bfloat16 if config.bf16 else torch.float32, local_files_only=True
        ).eval()
    spec = replace(ModelSpec.parse(config.model), adapter=None)
    if weights is not None:
        spec = ModelSpec("path", str(weights))
    loaded = load_base(spec, models_dir, str(config.device), say, quantization_config=_bits(config))
    if config.method == "reward":
        return _with_score_head(loaded.model, loaded.tokenizer)
    return loaded.model


def base_name(spec: ModelSpec, folder_or_repo: str) -> str:
    """Name a base so that it means something elsewhere: the Hub's id, or of a local model the folder's own name."""
    return Path(folder_or_repo).resolve().name if spec.kind == "path" else folder_or_repo


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


def _with_score_head(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Put one number a text where the vocabulary was: read at the last token, no bias, as OpenRLHF's reward models."""
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
