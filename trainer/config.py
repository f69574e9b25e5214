"""What a training run is asked to do: every knob once, for the check, the file, the form and the card.

Knobs bear the names that transformers, TRL and peft give them. A knob left out is chosen for the method and the machine
by `defaults.py`; the job's `request.json` holds every value as it was used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from trainer.errors import BadConfig, TrainerError
from trainer.model_spec import ModelSpec

Method = Literal["sft", "dpo", "orpo", "reward"]
Tuning = Literal["lora", "qlora", "full"]
Strategy = Literal["ddp", "fsdp", "deepspeed"]

PAIRED: frozenset[Method] = frozenset({"dpo", "orpo", "reward"})
"""The methods that train on a chosen and a rejected answer."""

_ALWAYS_WRITTEN = ("method", "model", "dataset")


class DataOptions(BaseModel):
    """Which rows are trained on, and how their system messages are treated."""

    dataset: str = Field(
        min_length=1, description="Dataset folder, JSONL, JSON, CSV or Parquet file, or hf:org/name[@revision]"
    )
    dataset_config: str | None = Field(None, description="Configuration of a dataset of the Hub")
    dataset_split: str = Field("train", description="Split of a dataset of the Hub")
    columns: dict[str, str] = Field({}, description="Our column: yours, where the names do not say so themselves")
    skip_bad_rows: bool = Field(False, description="Leave rows out that cannot be used, instead of refusing to start")
    max_rows: int | None = Field(None, ge=1, description="Use only so many rows, the first")
    eval_dataset: str | None = Field(None, description="Held-out records, in the same forms as dataset")
    held_out_instructions: int | None = Field(
        None,
        ge=0,
        le=200,
        description="Instructions kept out of training, to measure on where there is no eval_dataset",
    )
    system_messages_per_instruction: int | None = Field(
        None, ge=1, le=100, description="Use only so many system messages of each instruction (the paper: 3)"
    )
    system_dropout: float = Field(0.0, ge=0.0, le=1.0, description="Share of rows trained without a system message")
    shuffled_system: bool = Field(
        False, description="Control run: give every answer the system message of another row of its instruction"
    )
    multifaceted_input: bool = Field(True, description="Off: leave every system message out (an ablation of the paper)")
    multifaceted_output: bool = Field(
        True, description="Off: give all system messages of an instruction the same answer (an ablation of the paper)"
    )


class LoraOptions(BaseModel):
    """Which weights are trained."""

    tuning: Tuning = Field("lora", description="lora: a small adapter; qlora: the same over 4-bit weights; full: all")
    r: int = Field(16, ge=1, le=1024, description="Rank of the adapter: how much it can learn")
    lora_alpha: float = Field(32.0, gt=0, description="Strength of the adapter; its scale is lora_alpha / r")
    lora_dropout: float = Field(0.0, ge=0.0, lt=1.0, description="Share of the adapter's inputs dropped in training")
    target_modules: str | tuple[str, ...] = Field("all-linear", description="Layers that get an adapter")
    adapter_dtype: Literal["float32", "bfloat16"] = Field(
        "float32", description="Numbers of the saved adapter; bfloat16 halves its file, and rounds what was trained"
    )

    @field_validator("target_modules")
    @classmethod
    def _never_the_head(cls, found: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if "lm_head" in found:
            raise ValueError("lm_head cannot carry an adapter, for losses are computed from its weights: leave it out")
        return found


class MethodOptions(BaseModel):
    """Constants of the methods."""

    beta: float = Field(0.1, gt=0, description="dpo: how far to stay from the start; orpo: weight of the odds ratio")
    loss_type: Literal["sigmoid", "hinge", "ipo", "robust", "apo_zero", "apo_down", "sigmoid_norm"] = Field(
        "sigmoid", description="Loss of dpo"
    )
    label_smoothing: float = Field(0.0, ge=0.0, lt=0.5, description="dpo: share of pairs assumed to be the wrong way")
    sft_weight: float = Field(
        0.0, ge=0.0, le=100.0, description="dpo: how much the chosen answers are also learned as such; 0 for not at all"
    )
    center_rewards_coefficient: float | None = Field(None, gt=0, description="reward: pull rewards towards zero")


class OptimOptions(BaseModel):
    """How the weights are moved."""

    learning_rate: float | None = Field(None, gt=0, description="Step size at its highest")
    lr_scheduler_type: Literal["cosine", "linear", "constant", "constant_with_warmup"] = Field(
        "cosine", description="How the step size falls"
    )
    warmup_steps: float = Field(0.03, ge=0, description="Steps until the step size is reached; below 1, a share of all")
    weight_decay: float = Field(0.0, ge=0, description="Pull of all weights towards zero")
    max_grad_norm: float = Field(1.0, gt=0, description="Longest step of the gradient; longer ones are shortened")
    optim: Literal["adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit", "paged_adamw_8bit", "sgd"] | None = Field(
        None, description="Optimiser"
    )
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="Memory of the gradient")
    adam_beta2: float = Field(0.999, ge=0, lt=1, description="Memory of the gradient's size")
    num_train_epochs: float = Field(1.0, gt=0, description="Passes over the data, unless max_steps says otherwise")
    max_steps: int | None = Field(None, ge=1, description="Steps in all; overrides num_train_epochs")
    per_device_train_batch_size: int | None = Field(None, ge=1, description="Rows (or packed rows) at once on a device")
    gradient_accumulation_steps: int = Field(1, ge=1, description="Batches summed up before each step")
    seed: int = Field(42, ge=0, description="Equal seeds give equal runs on a CPU")


class SpeedOptions(BaseModel):
    """What costs time or memory."""

    max_length: int = Field(1024, ge=16, description="Longest row in tokens; longer answers are cut, and counted")
    packing: bool | None = Field(None, description="sft: fill rows of max_length with whole conversations")
    padding_free: bool = Field(True, description="sft: no padding; conversations lie in one row, unseen by each other")
    train_sampling_strategy: Literal["random", "sequential", "group_by_length"] = Field(
        "random", description="Order of the rows; group_by_length saves padding in dpo, orpo and reward"
    )
    bf16: bool | None = Field(None, description="Compute in bfloat16")
    attn_implementation: Literal["sdpa", "flash_attention_2"] | None = Field(
        None, description="How tokens attend to each other; flash_attention_2 needs a GPU and the package flash-attn"
    )
    use_liger_kernel: bool | None = Field(
        None, description="sft, dpo: layers in fewer kernels; needs a GPU and the package liger-kernel"
    )
    activation_checkpointing: bool | None = Field(None, description="Less memory, about a third more time")


class WatchOptions(BaseModel):
    """What is kept and measured on the way."""

    save_steps: float | None = Field(None, gt=0, description="Steps between checkpoints; below 1, a share of all")
    save_total_limit: int = Field(2, ge=2, description="Checkpoints kept: two, so that a torn one falls back")
    steerability_steps: float | None = Field(
        None, ge=0, description="Steps between measurements of steerability; below 1, a share of all; 0 for never"
    )
    sample_steps: float = Field(0, ge=0, description="Steps between answers written as samples; 0 for never")
    sample_max_new_tokens: int = Field(48, ge=1, le=1024, description="Longest sample in tokens")
    roundtrip_prompts: int = Field(
        20, ge=0, le=200, description="Prompts that the saved model is proved on; 0 for none"
    )


class LaunchOptions(BaseModel):
    """Where it runs."""

    device: str | None = Field(None, pattern=r"^(cpu|cuda(:\d+)?)$", description="cpu, cuda or cuda:0")
    strategy: Strategy = Field("ddp", description="How several processes share the work")
    num_processes: int = Field(1, ge=1, le=4096, description="Processes on all machines together, one a GPU")
    num_machines: int = Field(1, ge=1, le=512, description="Machines")
    machine_rank: int = Field(0, ge=0, description="Which of the machines this one is, counted from 0")
    main_process_ip: str = Field("127.0.0.1", pattern=r"^[A-Za-z0-9.:_-]+$", description="Address of machine 0")
    main_process_port: int = Field(29500, ge=1024, le=65535, description="Port of machine 0")

    @model_validator(mode="after")
    def _machines_share_the_processes(self) -> LaunchOptions:
        if self.num_processes % self.num_machines:
            raise ValueError(
                f"{self.num_processes} processes cannot be shared evenly by {self.num_machines} machines:"
                " make num_processes a multiple of num_machines"
            )
        if self.machine_rank >= self.num_machines:
            raise ValueError(f"machine_rank {self.machine_rank} does not exist: it is counted from 0")
        return self


class TrainConfig(DataOptions, LoraOptions, MethodOptions, OptimOptions, SpeedOptions, WatchOptions, LaunchOptions):
    """A training run. Four lines are enough: method, model, dataset, max_steps."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    preset: str | None = Field(None, description="Values to start from; what is written beside it comes first")
    method: Method = Field(description="sft, dpo, orpo or reward")
    model: str = Field(min_length=1, description="Model spec: embedded:smollm2, hf:org/name or path:FOLDER, +ADAPTER")

    @field_validator("model")
    @classmethod
    def _names_a_model(cls, text: str) -> str:
        try:
            return str(ModelSpec.parse(text))
        except TrainerError as error:
            raise ValueError(str(error).rstrip(".")) from error

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        if self.tuning == "qlora" and ModelSpec.parse(self.model).adapter is not None:
            raise ValueError(
                "qlora cannot start from an adapter, since 4-bit weights cannot take it in:"
                " merge it first with python -m trainer merge"
            )
        if self.method == "orpo" and self.loss_type != "sigmoid":
            raise ValueError("loss_type is an option of dpo: leave it out for orpo")
        if self.method != "dpo" and self.sft_weight:
            raise ValueError(f"sft_weight is an option of dpo: leave it out for {self.method}")
        return self

    @classmethod
    def read(cls, values: dict[str, Any]) -> TrainConfig:
        """Check values as a person gives them, over those of their preset.

        Raises:
            BadConfig: a value does not fit; the sentence names the first
        """
        from trainer.presets import preset_values

        try:
            return cls(**{**preset_values(values.get("preset")), **values})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"]))
            says = first["msg"].removeprefix("Value error, ").rstrip(".")
            if first["type"] == "extra_forbidden":
                says = "there is no such option"
            raise BadConfig(f"{name}: {says}." if name else f"{says}.") from error

    @classmethod
    def load(cls, file: Path) -> TrainConfig:
        """Read a YAML file; relative paths in it are taken from the folder where the command runs.

        Raises:
            BadConfig: it cannot be read, or a value does not fit
        """
        try:
            values = yaml.safe_load(file.read_text("utf-8"))
        except OSError as error:
            raise BadConfig(f"{file} cannot be read ({error.strerror}): name a YAML file.") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            detail = " ".join(str(error).split())[:200]
            raise BadConfig(f"{file} is not valid YAML ({detail}): write one 'name: value' a line.") from error
        if not isinstance(values, dict):
            raise BadConfig(f"{file} holds no options: write one 'name: value' a line.")
        try:
            return cls.read({str(name): value for name, value in values.items()})
        except BadConfig as error:
            raise BadConfig(f"{file.name}: {error}") from error

    def to_yaml(self) -> str:
        """Write what differs from the preset and the defaults, as a person would: the same config when it is read."""
        from trainer.presets import preset_values

        given = self.model_dump(mode="json")
        start = {name: field.default for name, field in TrainConfig.model_fields.items()} | preset_values(self.preset)
        first = {name: given[name] for name in ("preset", *_ALWAYS_WRITTEN) if given[name] is not None}
        chosen = {name: value for name, value in given.items() if name not in first and value != start[name]}
        return str(yaml.safe_dump({**first, **chosen}, sort_keys=False, allow_unicode=True))
