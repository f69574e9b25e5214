"""A benchmark job as this house takes it: every knob once, for the flag, the form, the snapshot and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data_gen.cost import Prices
from data_gen.source import is_on_hub
from janus_space.job import Job
from janus_space.jobs import Jobs

VERB = "bench"
KEYS = "JANUS_BENCH_KEYS"
"""The variable by which the worker is told keys that a visitor lent, by their origins."""


class BenchJob(BaseModel):
    """What to measure, of which models, by whose judgement. Keys never stand here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bench: str = Field(min_length=1, description="Name of the benchmark, such as multifaceted")
    model: tuple[str, ...] = Field((), max_length=64, description="Model that is measured, such as embedded:smollm2")
    judge: str | None = Field(None, description="Model that judges, such as openai:MODEL[@URL] or embedded:smollm2")
    data: str | None = Field(
        None, description="File of questions (JSONL, Parquet, …), or hub:ORG/NAME[@REVISION][:FILES]"
    )
    annotations: Path | None = Field(None, description="Stored judgements to compute the win rates from")
    references: Path | None = Field(None, description="File of reference answers for maths, reasoning and coding")
    baseline: str | None = Field(None, description="What is compared with, a model or a file of its answers")
    system: Literal["own", "none"] = Field(
        "own", description="What models are told: each question's own system message, or none (the paper's ablation)"
    )
    best_of: int = Field(
        1, ge=1, le=64, description="Answers to each question, of which a reward model chooses one; the paper takes 64"
    )
    reward: str | None = Field(
        None, description="Reward model that chooses: job:NAME, trained here, path:FOLDER of its run, or hf:ORG/NAME"
    )
    limit: int | None = Field(None, gt=0, description="Ask only so many questions, drawn by the seed")
    runs: int = Field(1, ge=1, le=10, description="Judgements of each answer, averaged; the paper takes 3")
    power: int = Field(
        50, ge=0, description="Rows that are judged under a wrong system message too, to see what the judge can tell"
    )
    scorer: str = Field(
        "words",
        description="What scores texts: words, phrases, judge, stored:FILE, or a classifier's hf: spec",
    )
    reader: str = Field("embedded:smollm2", description="Local model that reads answers")
    continuations: int = Field(25, ge=1, le=100, description="How often each prompt is continued")
    paper_parser: bool = Field(False, description="Read the judge's replies as the paper's code does, faults and all")
    hide_system: bool = Field(False, description="Do not show the system message to the judge, as the paper did")
    judge_tokens: int | None = Field(
        None,
        ge=32,
        description="Longest reply of the judge, in tokens; a longer one is no verdict. Default: 1024 or more",
    )
    max_new_tokens: int = Field(1024, ge=1, le=4096, description="Longest answer of a model, in tokens")
    seed: int = Field(0, ge=0, lt=2**31, description="Another seed draws other questions, answers and intervals")
    concurrency: int = Field(16, ge=1, le=2000, description="Requests at once")
    timeout_seconds: float = Field(300.0, gt=0, description="Longest wait for one answer")
    budget_usd: float | None = Field(None, gt=0, description="Never spend more than this on the judge")
    price_in: float | None = Field(
        None, ge=0, description="What the judge costs, in USD for a million tokens of prompt"
    )
    price_out: float | None = Field(None, ge=0, description="The same for a million tokens of its replies")
    reuse: tuple[Path, ...] = Field(
        (), description="Folders of other benchmark jobs, whose answers and judgements are used and not paid again"
    )
    device: str = Field("auto", description="Where local models run: auto, cpu, cuda:0 …")

    @field_validator("data", "baseline")
    @classmethod
    def _wherever_it_is_read(cls, named: str | None) -> str | None:
        """Make a file's path absolute: the snapshot of a request must mean the same from any folder."""
        if named is None or is_on_hub(Path(named)) or not Path(named).exists():
            return named
        return str(Path(named).absolute())

    @field_validator("scorer", "reward")
    @classmethod
    def _scores_from_anywhere(cls, named: str | None) -> str | None:
        kind, _, place = (named or "").partition(":")
        return f"{kind}:{Path(place).absolute()}" if kind in ("stored", "path") else named

    @field_validator("annotations", "references")
    @classmethod
    def _from_anywhere(cls, path: Path | None) -> Path | None:
        return path and path.absolute()

    @field_validator("reuse")
    @classmethod
    def _all_from_anywhere(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(folder.absolute() for folder in folders)

    @model_validator(mode="after")
    def _prices_are_known(self) -> BenchJob:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("give both --price-in and --price-out, in USD for a million tokens, or neither")
        if self.budget_usd is not None and self.price_in is None:
            raise ValueError(
                f"a budget of {self.budget_usd:g} USD needs the judge's prices, which are not known: give --price-in"
                " and --price-out, in USD for a million tokens"
            )
        return self

    @model_validator(mode="after")
    def _somebody_chooses(self) -> BenchJob:
        if (self.best_of > 1) != (self.reward is not None):
            raise ValueError("give both --best-of, 2 or more, and --reward, the model that chooses; or neither")
        return self

    @property
    def measured(self) -> tuple[str, ...]:
        """Name the rows of the report: the models, each with how many answers the best is chosen of."""
        return self.model if self.best_of == 1 else tuple(f"{spec}, best of {self.best_of}" for spec in self.model)

    @property
    def known_prices(self) -> Prices | None:
        if self.price_in is None or self.price_out is None:
            return None
        return Prices(usd_per_million_in=self.price_in, usd_per_million_out=self.price_out)


class BenchOrder(BenchJob):
    """A benchmark job, and how it is waited for."""

    out: Path | None = Field(
        None, description="Folder of the job; the same command on it goes on. Default: a new one in $JANUS_HOME/jobs"
    )
    detach: bool = Field(False, description="Return at once; the job goes on by itself")

    @property
    def request(self) -> BenchJob:
        """Return what the job is, without where and how."""
        return BenchJob(**self.model_dump(include=set(BenchJob.model_fields)))


def start_bench(
    jobs: Jobs, request: BenchJob, folder: Path | None = None, keys: Mapping[str, str] | None = None
) -> Job:
    """Start the job of a request, go on with it, or find it running or done.

    Raises:
        JobRefused: somebody is at work there, on something else; or the folder cannot hold a job
    """
    asked = request.model_dump(mode="json")
    before = None if folder is None else Job(VERB, folder.name, folder.absolute())
    is_done = before is not None and before.request == asked and before.status == "finished"
    job = jobs.create(VERB, asked, folder)
    if not is_done:
        jobs.start(job, secrets={KEYS: json.dumps(dict(keys))} if keys else {})
    return job
