"""An augment job, from its request to its dataset folder, in this process; the folder is all that it leaves behind."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_gen.augment import SLOTS, Grown, Outcome, Plan, Tree, Unfinished, grow_all
from data_gen.cleaning import CleaningReport, CleaningRules, clean, read_clean
from data_gen.dataset_folder import Rows, write_dataset
from data_gen.errors import BadRequest, BudgetSpent
from data_gen.hierarchy import Hierarchy
from data_gen.instructions import Instruction, read_instructions
from data_gen.job_folder import JobFolder
from data_gen.job_request import AugmentRequest
from data_gen.open_teacher import OpenTeacher, Resolve, open_teacher, openai_address
from data_gen.progress import Progress, in_a_sentence, watch
from data_gen.prompts import Prompts
from data_gen.records import Level
from data_gen.stop_signals import stopping_on_signals
from data_gen.tally import LevelCost, Tally, total_usd

BUILT_IN_HIERARCHY = Path(__file__).parents[1] / "assets" / "preferences.json"
SAMPLE_SIZE = 5
"""Instructions that are worked on first, to know what all of them will cost."""

_WORTH_AN_ESTIMATE = 4 * SAMPLE_SIZE


async def augment(
    request: AugmentRequest, folder: JobFolder, resolve: Resolve = openai_address, is_estimate: bool = False
) -> dict[str, Any]:
    """Do the job and say how it ended; `is_estimate` ends it after the sample, whose answers are kept for the job.

    Raises:
        DataGenError: nothing could be done as asked, or the disk does not take what has to be written
    """
    job = _Job.prepared(request, folder)
    folder.event("cleaned", **job.cleaned.model_dump())
    folder.log(f"{job.cleaned.kept} of {job.cleaned.read} instructions are kept; left_out.jsonl says why not all are.")
    try:
        async with open_teacher(request, folder.path / "ledger.sqlite", job.hierarchy, resolve) as teacher:
            for warning in teacher.warnings:
                folder.log(warning)
            estimate = await job.estimate(teacher, is_wanted=is_estimate)
            if is_estimate:
                return {"state": "estimated", "out": str(folder.path), "estimate": estimate}
            return await job.run(teacher)
    except BaseExceptionGroup as group:
        raise _first_cause(group) from group


@dataclass(frozen=True)
class _Job:
    request: AugmentRequest
    folder: JobFolder
    hierarchy: Hierarchy
    prompts: Prompts
    cleaned: CleaningReport

    @classmethod
    def prepared(cls, request: AugmentRequest, folder: JobFolder) -> _Job:
        """Read everything that may be wrong before anything is paid for."""
        hierarchy = Hierarchy.load([BUILT_IN_HIERARCHY, *request.hierarchy])
        prompts = Prompts(request.prompts)
        for name, slots in SLOTS.items():
            prompts.fill(name, **dict.fromkeys(slots, ""))
        for benchmark in request.against:
            next(read_instructions(benchmark), None)
        cleaned = clean(
            read_instructions(request.instructions, request.prompt_column),
            CleaningRules(**request.model_dump(include=set(CleaningRules.model_fields))),
            folder.path / "instructions.jsonl",
            folder.path / "left_out.jsonl",
        )
        if not cleaned.kept:
            reasons = ", ".join(f"{count} {reason}" for reason, count in cleaned.left_out.items()) or "it is empty"
            raise BadRequest(f"{request.instructions.name} holds no instruction to work on ({reasons}).")
        return cls(request, folder, hierarchy, prompts, cleaned)

    @property
    def plan(self) -> Plan:
        return Plan(**self.request.model_dump(include=set(Plan.model_fields)))

    @property
    def width(self) -> int:
        """How many requests are asked at once, of all endpoints together."""
        return self.request.concurrency * len(self.request.teacher)

    def instructions(self) -> Iterator[Instruction]:
        return read_clean(self.folder.path / "instructions.jsonl")

    def tree(self, teacher: OpenTeacher, tally: Tally) -> Tree:
        return Tree(teacher.asker, self.hierarchy, self.prompts, self.plan, self.width, tally.add)

    async def estimate(self, teacher: OpenTeacher, is_wanted: bool) -> dict[str, Any] | None:
        """Grow a few trees first, and say what all of them will take, level by level."""
        kept = self.cleaned.kept
        if not is_wanted and kept < _WORTH_AN_ESTIMATE:
            return None
        drawn = set(random.Random(self.request.seed).sample(range(kept), min(SAMPLE_SIZE, kept)))
        tally, failed = Tally(), []

        def look(place: int, index: int, outcome: Outcome) -> None:
            if not isinstance(outcome, Grown):
                failed.append(outcome.reason)

        sample = [instruction for place, instruction in enumerate(self.instructions()) if place in drawn]
        await grow_all(sample, self.tree(teacher, tally), look)
        costs = tally.costs(self.request.known_prices, times=kept / len(sample))
        told = _estimate(costs, self.request.budget_usd, len(sample), failed)
        self.folder.event("estimate", **told)
        self.folder.log(told["sentence"])
        return told

    async def run(self, teacher: OpenTeacher) -> dict[str, Any]:
        """Grow all trees, and write the dataset of what came of them."""
        progress = Progress(self.cleaned.kept * self.plan.sets)
        tally = Tally()
        with ExitStack() as open_files:
            rows = open_files.enter_context(Rows(self.folder.path))

            def deliver(place: int, index: int, outcome: Outcome) -> None:
                progress.count(outcome)
                if not isinstance(outcome, Unfinished):
                    rows.add(place * self.plan.sets + index, outcome)

            open_files.enter_context(stopping_on_signals(teacher.stop))
            watching = asyncio.create_task(watch(progress, self.folder, teacher))
            try:
                await grow_all(self.instructions(), self.tree(teacher, tally), deliver)
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
            facts = progress.facts(teacher)
            self.folder.event("progress", **facts)
            self.folder.log(in_a_sentence(facts))
            made_of = self._facts(tally, progress.unfinished)
            dataset = write_dataset(self.folder.path, rows, self.request, self.hierarchy, made_of)
        return self._end(teacher, progress, facts, dataset)

    def _end(
        self, teacher: OpenTeacher, progress: Progress, facts: dict[str, Any], dataset: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "state": _state(teacher, progress),
            "out": str(self.folder.path),
            "dataset": str(self.folder.path / "dataset"),
            "reason": str(teacher.halt) if teacher.halt is not None and progress.unfinished else None,
            "rows": dataset["rows"]["sft"],
            "rows_wanted": progress.rows_wanted,
            "quarantined": dataset["quarantined"],
            "unfinished": progress.unfinished,
            "pairs": dataset["rows"].get("pairs", 0),
            "cost_usd": dataset["cost"]["usd"],
            **{name: facts.get(name, 0) for name in ("spent_usd", "lost_usd", "requests")},
        }

    def _facts(self, tally: Tally, unfinished: int) -> dict[str, Any]:
        """Say how the dataset was made: nothing that differs between two undisturbed runs."""
        request = self.request
        costs = tally.costs(request.known_prices)
        levels = [level for level in SLOTS if level != "rubric" or request.rubrics]
        return {
            "unfinished": unfinished,
            "instructions": self.cleaned.kept,
            "instructions_file": {"name": request.instructions.name, "sha256": _sha256(request.instructions)},
            "cleaning": self.cleaned.model_dump(),
            "sets": request.sets,
            "seed": request.seed,
            "pair_rule": request.pairs,
            "teacher": sorted({spec.partition("@http")[0] for spec in request.teacher}),
            "prompts": {name: self.prompts.sha256(name) for name in (*levels, "ask_again")},
            "cost": {
                "usd": total_usd(costs),
                "of": "the answers that this dataset rests on, whenever they were paid for",
                "levels": {level: cost.model_dump() for level, cost in costs.items()},
            },
        }


def _estimate(
    costs: dict[Level, LevelCost], budget_usd: float | None, n_sample: int, failed: list[str]
) -> dict[str, Any]:
    usd = total_usd(costs)
    answers = sum(cost.answers for cost in costs.values())
    tokens = sum(cost.prompt_tokens + cost.completion_tokens for cost in costs.values())
    price = f"about {usd:.4f} USD" if usd is not None else "no price is known"
    sentence = f"By a sample of {n_sample} instructions, all take {answers} answers and {tokens} tokens: {price}."
    if usd is not None and budget_usd is not None and usd > budget_usd:
        sentence += f" The budget of {budget_usd:g} USD is enough for about {budget_usd / usd:.0%} of them."
    if failed:
        sentence += f" {len(failed)} rows of the sample failed, the first because: {failed[0]}"
    return {
        "sentence": sentence,
        "usd": usd,
        "levels": {level: cost.model_dump() for level, cost in costs.items()},
        "sample": n_sample,
        "failed": len(failed),
    }


def _state(teacher: OpenTeacher, progress: Progress) -> str:
    if not progress.unfinished:
        return "done"
    if teacher.halt is None:
        return "stopped"
    return "budget spent" if isinstance(teacher.halt, BudgetSpent) else "halted"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
