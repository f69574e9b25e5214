"""An adapter put on its base; one that is damaged, or was made for another base, is refused with a sentence."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from peft import PeftModel
from safetensors import SafetensorError

from trainer.errors import ModelCorrupt, ModelRefused
from trainer.foreign_code import read_config
from trainer.model import ADAPTER_CONFIG, ADAPTER_WEIGHTS


def with_adapter(model: Any, folder: Path, *, is_trainable: bool = False) -> PeftModel:
    """Return the model with the adapter of a checked folder on it, ready to answer unless it is to be trained.

    Raises:
        ModelCorrupt: its weights cannot be read
        ModelRefused: it was made for another model
    """
    file = folder / ADAPTER_WEIGHTS
    with warnings.catch_warnings():
        # peft would only warn, and leave parts of the adapter as random numbers.
        warnings.filterwarnings("error", "Found missing adapter keys")
        try:
            return PeftModel.from_pretrained(model, folder, is_trainable=is_trainable)
        except SafetensorError as error:
            raise ModelCorrupt(
                f"{file} is damaged ({str(error).splitlines()[0]}): fetch it again, or repeat the run that has made it."
            ) from error
        except (RuntimeError, UserWarning) as error:
            if not str(error).startswith(("Error(s) in loading", "Found missing")):
                raise
            raise ModelRefused(
                f"{file} does not fit this model: put its own base in front of it, which {ADAPTER_CONFIG} beside it"
                f" calls {read_config(folder / ADAPTER_CONFIG).get('base_model_name_or_path')}."
            ) from error


def is_reward_adapter(folder: Path) -> bool:
    """Say whether an adapter makes a model that scores answers."""
    return read_config(folder / ADAPTER_CONFIG).get("task_type") == "SEQ_CLS"
