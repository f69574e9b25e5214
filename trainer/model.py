"""Load a base model and find an adapter: from the embedded package, a folder or the Hub, by one set of rules.

Nothing here runs code or unpickles data from outside: configurations are checked first, weights are safetensors only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from trainer import embedded
from trainer.errors import ModelCorrupt, ModelNotFound, ModelRefused, ModelTooLarge
from trainer.foreign_code import read_config, refuse_foreign_code
from trainer.hub_snapshot import fetch, resolve_commit
from trainer.model_spec import ModelSpec, is_folder_name, local_folder, parse_repository

TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.jinja")
CONFIG_PATTERNS = ["config.json", "generation_config.json", *TOKENIZER_FILES]
WEIGHT_PATTERNS = ["model*.safetensors", "model.safetensors.index.json"]
SCORES = "ForSequenceClassification"
"""How transformers' names of models end that have a score head instead of a vocabulary: reward models saved whole."""
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


class LoadedModel(NamedTuple):
    """A base in memory.

    `folder_or_repo` is how an adapter trained on it names its base: the Hub's id where there is one. `revision` is the
    commit it was pinned to, None for what does not come from the Hub. `folder` is where its files lie here.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    folder_or_repo: str
    revision: str | None
    folder: Path


class AdapterConfig(BaseModel):
    """What must be true of `adapter_config.json` before peft reads it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    peft_type: Literal["LORA"]
    r: int = Field(ge=1, le=4096)
    lora_alpha: float
    target_modules: list[str] | str
    megatron_config: None = None  # peft would import the module that it names


def load_base(
    spec: ModelSpec,
    models_dir: Path,
    device: str,
    say: Callable[[str], None],
    attn_implementation: str | None = None,
    quantization_config: BitsAndBytesConfig | None = None,
    may_score: bool = False,
) -> LoadedModel:
    """Load the weights and tokenizer that `spec` names, without its adapter, ready to answer.

    fp32 on a CPU (bfloat16 is slower on most, and fp32 is the reference), bfloat16 on a GPU; fewer bits on request.
    One that scores instead of answering is refused unless `may_score`.

    Raises:
        ModelNotFound, ModelRefused, ModelCorrupt, ModelTooLarge, StorageFailed
    """
    folder, folder_or_repo, commit = _model_folder(spec, models_dir, say)
    say(f"Loading {spec.base}")
    tokenizer = _load_tokenizer(folder, spec)
    if not tokenizer.chat_template and spec.adapter is None:
        say(f"{spec.base} has no chat template, so it cannot be asked as a chat")
    model_class = _model_class(folder, spec, may_score)
    model = _load_weights(model_class, folder, spec, device, attn_implementation, quantization_config)
    model.config._name_or_path = folder_or_repo  # else peft and cards record the folder of this machine's cache
    return LoadedModel(model, tokenizer, folder_or_repo, commit, folder)


def load_tokenizer(spec: ModelSpec, models_dir: Path, say: Callable[[str], None]) -> PreTrainedTokenizerBase:
    """Load the tokenizer alone; of a model on the Hub, its weights are not fetched for that.

    Raises:
        ModelNotFound, ModelRefused, ModelCorrupt, StorageFailed
    """
    if spec.kind == "hf":
        commit = resolve_commit(spec.name, spec.revision)
        folder = fetch(spec.name, commit, CONFIG_PATTERNS)
        _check_model(folder, spec)
        return _load_tokenizer(folder, spec)
    return _load_tokenizer(_model_folder(spec, models_dir, say)[0], spec)


def base_folder(spec: ModelSpec, models_dir: Path, say: Callable[[str], None]) -> Path:
    """Return where the files of a base lie on this machine, checked, and fetched if they are not here yet.

    Raises:
        ModelNotFound, ModelRefused, ModelCorrupt, StorageFailed
    """
    return _model_folder(spec, models_dir, say)[0]


def adapter_folder(adapter: str, say: Callable[[str], None]) -> Path:
    """Return the checked folder of a LoRA adapter; `adapter` is a folder, or org/name[@revision] on the Hub.

    Raises:
        ModelNotFound, ModelRefused, ModelCorrupt, StorageFailed
    """
    if is_folder_name(adapter):
        folder = local_folder(adapter)
    else:
        repository, revision = parse_repository(adapter)
        say(f"Fetching the adapter {adapter} from the Hub")
        folder = fetch(
            repository, resolve_commit(repository, revision), [ADAPTER_CONFIG, ADAPTER_WEIGHTS, *TOKENIZER_FILES]
        )
    if not (folder / ADAPTER_CONFIG).is_file():
        raise ModelNotFound(f"{adapter} is no adapter (it holds no {ADAPTER_CONFIG}): choose what peft has saved.")
    refuse_foreign_code(folder, adapter)
    try:
        AdapterConfig.model_validate(read_config(folder / ADAPTER_CONFIG))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ModelRefused(
            f"{ADAPTER_CONFIG} of {adapter} is not a LoRA's ({field}: {first['msg']}): choose a LoRA adapter."
        ) from error
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelRefused(
            f"{adapter} holds no {ADAPTER_WEIGHTS}, and a .bin file is never read because it can run code:"
            " save the adapter again with a recent peft."
        )
    return folder


def _model_folder(spec: ModelSpec, models_dir: Path, say: Callable[[str], None]) -> tuple[Path, str, str | None]:
    if spec.kind == "embedded":
        folder = embedded.prepare(spec.name, models_dir, say)
        return folder, embedded.EMBEDDED[spec.name].hub_id, None
    if spec.kind == "hf":
        folder, commit = _fetch_model(spec, say)
        return folder, spec.name, commit
    folder = local_folder(spec.name)
    if (folder / ADAPTER_CONFIG).is_file():
        raise ModelRefused(
            f"{folder} holds an adapter, not a model: write its base in front, as embedded:smollm2+{folder}"
        )
    _check_model(folder, spec)
    return folder, str(folder), None


def _fetch_model(spec: ModelSpec, say: Callable[[str], None]) -> tuple[Path, str]:
    """Fetch the small files, check them, and only then the weights, which may be many GB."""
    say(f"Asking the Hub for {spec.name}")
    commit = resolve_commit(spec.name, spec.revision)
    _check_model(fetch(spec.name, commit, CONFIG_PATTERNS), spec)
    say(f"Fetching {spec.name} from the Hub, unless it is here already")
    return fetch(spec.name, commit, [*CONFIG_PATTERNS, *WEIGHT_PATTERNS]), commit


def _check_model(folder: Path, spec: ModelSpec) -> None:
    if not (folder / "config.json").is_file():
        raise ModelNotFound(f"{spec.base} is no model (it holds no config.json): choose what transformers has saved.")
    refuse_foreign_code(folder, spec.base)
    model_type = read_config(folder / "config.json").get("model_type")
    if model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise ModelRefused(
            f"{spec.base} is of the type {model_type!r}, which transformers does not know as a language model:"
            " choose another model."
        )


def _load_tokenizer(folder: Path, spec: ModelSpec) -> PreTrainedTokenizerBase:
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # foreign files: the parsers of several libraries raise what they like
        raise ModelCorrupt(
            f"The tokenizer of {spec.base} cannot be read ({_first_line(error)}): fetch it again."
        ) from error


def _model_class(folder: Path, spec: ModelSpec, may_score: bool) -> Any:
    named = read_config(folder / "config.json").get("architectures")
    if not str(named[0] if isinstance(named, list) and named else "").endswith(SCORES):
        return AutoModelForCausalLM
    if not may_score:
        raise ModelRefused(f"{spec.base} is a reward model, which scores answers and writes none: choose another.")
    return AutoModelForSequenceClassification


def _load_weights(
    model_class: Any,
    folder: Path,
    spec: ModelSpec,
    device: str,
    attn_implementation: str | None,
    quantization_config: BitsAndBytesConfig | None,
) -> PreTrainedModel:
    if not any(folder.glob("model*.safetensors")):
        raise ModelRefused(
            f"{spec.base} holds no safetensors weights, and other formats are never read because they can run code:"
            " choose a version of it with model.safetensors."
        )
    on_gpu = device.startswith("cuda")
    try:
        model, report = model_class.from_pretrained(
            folder,
            dtype=torch.bfloat16 if on_gpu else torch.float32,
            # straight to the GPU, not through the main memory; bitsandbytes asks for a map even on a CPU
            device_map={"": device} if on_gpu or quantization_config is not None else None,
            quantization_config=quantization_config,
            attn_implementation=attn_implementation,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelTooLarge(f"{spec.base} does not fit the memory of {device}: choose a smaller model.") from error
    except Exception as error:  # as above
        raise ModelCorrupt(
            f"The weights of {spec.base} cannot be read ({_first_line(error)}): fetch them again."
        ) from error
    if missing := sorted(report["missing_keys"]):  # transformers would go on with random numbers in their place
        raise ModelCorrupt(
            f"The weights of {spec.base} lack {missing[0]} and {len(missing) - 1} others: fetch them again."
        )
    return model.eval()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
