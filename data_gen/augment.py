"""The tree of the paper's data construction (arXiv:2405.17977): instruction → sets → system messages → answers.

Every request is a function of the run's seed, the instruction, the set's number and the answers above it. So a run
that is done again asks the same requests byte by byte, and a ledger answers all that it has seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from data_gen.answers import SetAnswer, read_response, read_rubric, read_system_message, schema_of, set_reader
from data_gen.asking import Answer, Asker, Failure, Request
from data_gen.chat import Conversation, Sampling
from data_gen.findings import findings_of
from data_gen.hierarchy import DimensionBranch, Hierarchy
from data_gen.instructions import Instruction
from data_gen.preferences import Preference, PreferenceSet
from data_gen.prompts import Prompts
from data_gen.records import GrownRecord, Level, Quarantined, Rubric
from data_gen.safety import WORD_LIST, Scorer
from data_gen.structured import NodeFailed, ask_until

EXAMPLES_A_DIMENSION = 2
MAX_TOKENS: dict[Level, int] = {"preference_set": 1024, "system_message": 512, "response": 2048, "rubric": 1024}

SLOTS: dict[Level, tuple[str, ...]] = {
    "preference_set": ("dimensions", "examples", "taken", "instruction"),
    "system_message": ("descriptions",),
    "response": ("system",),
    "rubric": ("dimension", "subdimension", "preference", "description"),
}
"""What each prompt may hold."""

Read = TypeVar("Read")


class Plan(BaseModel):
    """What is grown from each instruction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: int = Field(3, ge=1, le=20, description="Preference sets per instruction, all different")
    seed: int = Field(0, ge=0, lt=2**31, description="Another seed draws other examples and other answers")
    rubrics: bool = Field(False, description="Also write a scoring rubric for each preference, for a benchmark")


@dataclass(frozen=True)
class Grown:
    """One finished branch: its record, with four rubrics where they were asked for."""

    record: GrownRecord
    rubrics: tuple[Rubric, ...] = ()


@dataclass(frozen=True)
class Unfinished:
    """One branch that was not worked on to its end, because the work was halted; it goes on another time."""

    reason: str


Outcome = Grown | Quarantined | Unfinished
OnAnswer = Callable[[Level, Answer], None]


class Tree:
    """Grows the branches of instructions from one teacher.

    At most `width` requests are asked at once, each counted until its answer is safe: so many are lost by a kill.
    """

    def __init__(
        self,
        asker: Asker,
        hierarchy: Hierarchy,
        prompts: Prompts,
        plan: Plan,
        width: int,
        on_answer: OnAnswer,
        scorer: Scorer = WORD_LIST,
    ) -> None:
        self._asker = asker
        self._hierarchy = hierarchy
        self._prompts = prompts
        self._plan = plan
        self.width = width
        self._room = asyncio.Semaphore(width)
        self._on_answer = on_answer
        self._scorer = scorer

    async def grow(self, instruction: Instruction, deliver: Callable[[int, Outcome], None]) -> None:
        """Deliver one outcome a set, in the order in which they are finished."""
        earlier: list[PreferenceSet] = []
        async with asyncio.TaskGroup() as branches:
            for index in range(self._plan.sets):
                # One after another, for each set has to differ from those before it.
                try:
                    chosen = await self._preference_set(instruction, index, earlier)
                except NodeFailed as error:
                    deliver(index, _dead_end(instruction, index, "preference_set", error))
                    continue
                earlier.append(chosen)
                branches.create_task(self._finish(instruction, index, chosen, deliver))

    async def _finish(
        self, instruction: Instruction, index: int, chosen: PreferenceSet, deliver: Callable[[int, Outcome], None]
    ) -> None:
        level: Level = "system_message"
        try:
            system = await self._system_message(instruction, index, chosen)
            level = "response"
            answer = await self._response(instruction, index, system)
            level = "rubric"
            rubrics = await self._rubrics(instruction, index, chosen) if self._plan.rubrics else ()
        except NodeFailed as error:
            deliver(index, _dead_end(instruction, index, level, error))
            return
        record = GrownRecord(
            instruction_id=instruction.id,
            main_source=instruction.main_source,
            original_source=instruction.original_source,
            preference_set=chosen,
            system=system,
            prompt=instruction.text,
            output=answer.text,
            set_index=index,
            finish_reason=answer.finish_reason,
            findings=findings_of(chosen, system, instruction.text, answer),
            unsafe_score=max(self._scorer.score(text) for text in (instruction.text, system, answer.text)),
        )
        deliver(index, Grown(record, rubrics))

    async def _preference_set(
        self, instruction: Instruction, index: int, earlier: Sequence[PreferenceSet]
    ) -> PreferenceSet:
        rng = random.Random(self._seed(instruction, index, "examples"))
        asked = self._prompts.fill(
            "preference_set",
            dimensions="\n".join(f"- {branch.id}: {branch.question}" for branch in self._hierarchy.dimensions),
            examples="\n".join(examples(self._hierarchy.dimensions, earlier, rng)),
            taken=_taken(earlier),
            instruction=instruction.text,
        )
        request = self._request("preference_set", instruction, index, Conversation.ask(asked))
        request = replace(request, answer_schema=schema_of(SetAnswer))
        return await self._ask("preference_set", request, set_reader(earlier))

    async def _system_message(self, instruction: Instruction, index: int, chosen: PreferenceSet) -> str:
        # The descriptions alone, as in the paper: neither keywords nor names of dimensions reach the message.
        descriptions = "\n\n".join(preference.description for preference in chosen.root)
        asked = self._prompts.fill("system_message", descriptions=descriptions)
        request = self._request("system_message", instruction, index, Conversation.ask(asked))
        return await self._ask("system_message", request, read_system_message)

    async def _response(self, instruction: Instruction, index: int, system: str) -> Answer:
        told = self._prompts.fill("response", system=system)
        request = self._request("response", instruction, index, Conversation.ask(instruction.text, told))
        return await self._ask("response", request, read_response)

    async def _rubrics(self, instruction: Instruction, index: int, chosen: PreferenceSet) -> tuple[Rubric, ...]:
        async def rubric(preference: Preference) -> Rubric:
            asked = self._prompts.fill("rubric", **preference.model_dump())
            request = self._request("rubric", instruction, index, Conversation.ask(asked))
            request = replace(request, answer_schema=schema_of(Rubric))
            return await self._ask("rubric", request, read_rubric)

        # All four are waited for, so that a failed one leaves none running behind the branch's back.
        found = await asyncio.gather(*(rubric(one) for one in chosen.root), return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException):
                raise one
        return tuple(one for one in found if isinstance(one, Rubric))

    def _request(self, level: Level, instruction: Instruction, index: int, conversation: Conversation) -> Request:
        sampling = Sampling(
            temperature=1.0,
            top_p=0.9,
            repetition_penalty=1.0,
            max_new_tokens=MAX_TOKENS[level],
            seed=self._seed(instruction, index, level),
        )
        return Request(conversation, sampling)

    def _seed(self, instruction: Instruction, index: int, purpose: str) -> int:
        told = f"{self._plan.seed}:{instruction.sha256}:{index}:{purpose}"
        return int.from_bytes(hashlib.sha256(told.encode()).digest()[:4]) >> 1

    async def _ask(self, level: Level, request: Request, read: Callable[[Answer], Read]) -> Read:
        return await ask_until(_Counted(self, level), request, read, self._prompts)

    async def answer(self, level: Level, request: Request) -> Answer | Failure:
        """Ask the teacher as soon as there is room, and count the answer."""
        async with self._room:
            answer = await self._asker.ask(request)
        if isinstance(answer, Answer):
            self._on_answer(level, answer)
        return answer


@dataclass(frozen=True)
class _Counted:
    """The tree's teacher, asked for one level."""

    tree: Tree
    level: Level

    async def ask(self, request: Request) -> Answer | Failure:
        return await self.tree.answer(self.level, request)


async def grow_all(
    instructions: Iterable[Instruction], tree: Tree, deliver: Callable[[int, int, Outcome], None]
) -> None:
    """Grow all instructions, `tree.width` of them at a time; outcomes come with the places of instruction and set.

    Instructions are taken one by one, so that memory does not grow with their number. When the work is halted it goes
    on to the end all the same: what a ledger has answered before is delivered, and the rest costs nothing to ask for.
    """
    source = enumerate(instructions)

    async def work() -> None:
        for place, instruction in source:
            await tree.grow(instruction, partial(deliver, place))

    async with asyncio.TaskGroup() as workers:
        for _ in range(tree.width):
            workers.create_task(work())


def examples(
    dimensions: Sequence[DimensionBranch], earlier: Sequence[PreferenceSet], rng: random.Random
) -> Iterator[str]:
    """Draw examples from subdimensions that no earlier set has taken, so that the sets spread over the hierarchy."""
    taken = {preference.subdimension for one in earlier for preference in one.root}
    for branch in dimensions:
        with_examples = [one for one in branch.subdimensions if one.preferences]
        free = [one for one in with_examples if one.id not in taken] or with_examples
        for subdimension in rng.sample(free, min(EXAMPLES_A_DIMENSION, len(free))):
            one = rng.choice(subdimension.preferences)
            yield f"- {branch.id}, {subdimension.id}, “{one.preference}”: {one.description}"


def _taken(earlier: Sequence[PreferenceSet]) -> str:
    if not earlier:
        return "This is the first person that is imagined for this request."
    told = [
        f"Person {number}: " + "; ".join(f"{one.dimension}: {one.subdimension} ({one.preference})" for one in each.root)
        for number, each in enumerate(earlier, 1)
    ]
    return (
        "Other people have been imagined for this request already. Choose a different subdimension in each dimension,"
        " and a person whom an answer made for any of these would disappoint:\n" + "\n".join(told)
    )


def _dead_end(instruction: Instruction, index: int, level: Level, error: NodeFailed) -> Quarantined | Unfinished:
    if error.kind == "halted":
        return Unfinished(error.reason)
    return Quarantined(
        instruction_id=instruction.id,
        set_index=index,
        level=level,
        kind=error.kind,
        reason=error.reason,
        prompt=instruction.text,
        raw=error.raw,
    )
