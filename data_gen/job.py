"""An augment job, from its request to its dataset folder, in this process; the folder is all that it leaves behind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_gen.augment import SLOTS, Grown, Outcome, Plan, Tree, Unfinished, grow_all
from data_gen.batch_work import MOST_REQUESTS
from data_gen.cleaning import CleaningReport, CleaningRules, clean, read_clean
from data_gen.dataset_folder import Rows, write_dataset
from data_gen.errors import BadRequest, BudgetSpent
from data_gen.hierarchy import Hierarchy
from data_gen.instructions import Columns, Instruction, read_instructions
from data_gen.job_folder import JobFolder, cannot_write
from data_gen.job_request import AugmentRequest
from data_gen.open_teacher import OpenTeacher, Resolve, open_teacher, openai_address
from data_gen.progress import Progress, in_a_sentence, watch
from data_gen.prompts import Prompts
from data_gen.records import Level
from data_gen.safety import WORD_LIST, Scorer
from data_gen.source import Source, find_source
from data_gen.stop_signals import stopping_on_signals
from data_gen.tally import LevelCost, Tally, total_usd

BUILT_IN_HIERARCHY = Path(__file__).parents[1] / "assets" / "preferences.json"
SAMPLE_SIZE = 5
"""Instructions that are worked on first, to know what all of them will cost."""

_WORTH_AN_ESTIMATE = 4 * SAMPLE_SIZE


async def augment(
    request: AugmentRequest,
    folder: JobFolder,
    resolve: Resolve = openai_address,
    is_estimate: bool = False,
    scorer: Scorer = WORD_LIST,
) -> dict[str, Any]:
    """Do the job and say how it ended; `is_estimate` ends it after the sample, whose answers are kept for the job.

    `scorer` judges the safety of instructions and rows.

    Raises:
        DataGenError: nothing could be done as asked, or the disk does not take what has to be written
    """
    try:
        job = _Job.prepared(request, folder, scorer)
        folder.event("cleaned", **job.cleaned.model_dump())
        kept, read = job.cleaned.kept, job.cleaned.read
        folder.log(f"{kept} of {read} instructions are kept; left_out.jsonl says why not all are.")
        async with open_teacher(request, folder.path, job.hierarchy, resolve, folder.log) as teacher:
            for warning in teacher.warnings:
                folder.log(warning)
            with stopping_on_signals(teacher.stop):
                if is_estimate:
                    return {"state": "estimated", "out": str(folder.path), "estimate": await job.estimate(teacher)}
                return await job.run(teacher)
    except BaseExceptionGroup as group:
        cause = _first_cause(group)
        raise (cannot_write(cause, folder.path) if isinstance(cause, OSError) else cause) from group
    except OSError as error:
        raise cannot_write(error, folder.path) from error


@dataclass(frozen=True)
class _Job:
    request: AugmentRequest
    folder: JobFolder
    hierarchy: Hierarchy
    prompts: Prompts
    source: Source
    cleaned: CleaningReport
    scorer: Scorer

    @classmethod
    def prepared(cls, request: AugmentRequest, folder: JobFolder, scorer: Scorer) -> _Job:
        """Read everything that may be wrong before anything is paid for."""
        hierarchy = Hierarchy.load([BUILT_IN_HIERARCHY, *request.hierarchy])
        prompts = Prompts(request.prompts)
        for name, slots in SLOTS.items():
            prompts.fill(name, **dict.fromkeys(slots, ""))
        for benchmark in request.against:
            next(read_instructions(benchmark), None)
        source = find_source(request.instructions, folder.path)
        cleaned = clean(
            source.read(Columns(**request.model_dump(include=set(Columns.model_fields)))),
            CleaningRules(**request.model_dump(include=set(CleaningRules.model_fields))),
            folder.path / "instructions.jsonl",
            folder.path / "left_out.jsonl",
            scorer,
        )
        if not cleaned.kept:
            reasons = ", ".join(f"{count} {reason}" for reason, count in cleaned.left_out.items()) or "it is empty"
            raise BadRequest(f"{source.name} holds no instruction to work on ({reasons}).")
        return cls(request, folder, hierarchy, prompts, source, cleaned, scorer)

    @property
    def plan(self) -> Plan:
        return Plan(**self.request.model_dump(include=set(Plan.model_fields)))

    @property
    def width(self) -> int:
        """How many requests are asked at once, of all endpoints together; a batch takes as many as it can hold."""
        if self.request.transport == "batch":
            return min(MOST_REQUESTS, self.cleaned.kept * self.request.sets)
        return self.request.concurrency * len(self.request.teacher)

    def instructions(self) -> Iterator[Instruction]:
        return read_clean(self.folder.path / "instructions.jsonl")

    def tree(self, teacher: OpenTeacher, tally: Tally) -> Tree:
        return Tree(teacher.asker, self.hierarchy, self.prompts, self.plan, self.width, tally.add, self.scorer)

    async def estimate(self, teacher: OpenTeacher) -> dict[str, Any]:
        """Grow a few trees, and say what all of them will take, level by level."""
        kept = self.cleaned.kept
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

            watching = asyncio.create_task(watch(progress, self.folder, teacher))
            try:
                # A sample first would make batches wait for days.
                if self.cleaned.kept >= _WORTH_AN_ESTIMATE and self.request.transport != "batch":
                    await self.estimate(teacher)
                await grow_all(self.instructions(), self.tree(teacher, tally), deliver)
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
            facts = progress.facts(teacher)
            self.folder.event("progress", **facts)
            self.folder.log(in_a_sentence(facts))
            self.folder.log("Writing the dataset and its quality report.")
            made_of = self._facts(tally, progress.unfinished)
            dataset = write_dataset(self.folder.path, rows, self.request, self.hierarchy, made_of, self.scorer)
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
            "instructions_file": {"name": self.source.name, "sha256": self.source.sha256()},
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


def _first_cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
