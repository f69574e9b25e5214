"""The table of known models (assets/models.json): what each is, what it needs, and why one cannot run here."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from janus_space.devices import Machine

_TABLE = Path(__file__).parents[1] / "assets" / "models.json"

SystemMessageWay = Literal["own role", "folded into the user turn", "set by the endpoint"]


class Obstacle(NamedTuple):
    """Why a model cannot run here, and what to do about it; a sentence each."""

    reason: str
    way_out: str


class ModelEntry(BaseModel):
    """One known model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="Display name")
    spec: str = Field(min_length=1, description="What a column asks for")
    licence: str = Field(min_length=1)
    parameters_billion: float | None = Field(
        None, gt=0, description="None where it is not published, or there are none"
    )
    memory_gib: float | None = Field(
        None, gt=0, description="On a GPU: bfloat16 weights and a little; None: runs elsewhere"
    )
    system_message: SystemMessageWay = Field(description="How it takes a system message")
    note: str = Field(min_length=1, description="One short sentence")
    gated: bool = Field(False, description="The Hub gives it only to those who accepted its licence there")

    @property
    def is_remote(self) -> bool:
        return self.spec.startswith("openai:")

    @property
    def cpu_memory_gib(self) -> float | None:
        """Memory without a GPU, where weights are fp32, four bytes each, and a little."""
        if self.memory_gib is None or self.parameters_billion is None:
            return self.memory_gib
        return max(self.memory_gib, self.parameters_billion * 4e9 / 2**30 * 1.05)

    def obstacle(self, machine: Machine, has_key: bool) -> Obstacle | None:
        """Say why it cannot be loaded here now; a model that is loaded already needs no such check."""
        if self.is_remote:
            return None if has_key else _NO_KEY
        needed_gib, needed_cpu_gib = self.memory_gib, self.cpu_memory_gib
        if needed_gib is None or needed_cpu_gib is None or needed_cpu_gib <= machine.ram_free_gib:
            return None
        most_free = max(machine.gpus, key=lambda gpu: gpu.memory_free_gib, default=None)
        if most_free is not None and needed_gib <= most_free.memory_free_gib:
            return None
        here = "no GPU" if most_free is None else f"at most {most_free.memory_free_gib:.0f} GiB free on a GPU"
        return Obstacle(
            f"Needs {needed_gib:.0f} GiB on a GPU, or {needed_cpu_gib:.0f} GiB of memory without one;"
            f" this machine has {machine.ram_free_gib:.0f} GiB of memory free and {here}.",
            f"Run Janus Space where there is more, or serve it elsewhere, as with vLLM, and choose"
            f" openai:{self.spec.partition(':')[2]}@http://HOST:8000/v1.",
        )


_NO_KEY = Obstacle("Needs an API key.", "Enter one for this session, or set OPENAI_API_KEY before the start.")


@cache
def entries() -> tuple[ModelEntry, ...]:
    """Return the known models, in the order in which they are shown."""
    return TypeAdapter(tuple[ModelEntry, ...]).validate_json(_TABLE.read_bytes())
