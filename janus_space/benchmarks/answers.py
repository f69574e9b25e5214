"""Models' answers to the questions of a benchmark: each asked once, and kept in answers.jsonl for people to read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple

from data_gen.asking import Answer, Failure, Request
from data_gen.chat import Conversation, Sampling
from data_gen.errors import TeacherGone, WorkHalted
from data_gen.work import each
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.bench import Means, Model
from janus_space.benchmarks.keyed_lines import KeyedLines
from janus_space.benchmarks.questions import seed_of


@dataclass(frozen=True)
class Asked:
    """What a model is asked, under the name by which its answer is found again."""

    id: str
    conversation: Conversation
    sampling: Sampling


class Answers(NamedTuple):
    """A model's answers by the ids of the questions, and why there are none to some."""

    given: Mapping[str, Answer]
    failed: Mapping[str, str]


def sampling_of(order: BenchJob, question_id: str) -> Sampling:
    """Return the paper's sampling, with the order's length and a seed of the question's own."""
    return Sampling(max_new_tokens=order.max_new_tokens, seed=seed_of(order.seed, question_id))


async def answer_all(order: BenchJob, means: Means, spec: str, asked: Sequence[Asked]) -> Answers:
    """Ask a model everything; a question that fails has no answer, and the others have theirs.

    Raises:
        WorkHalted: nothing more can be asked for now
    """
    async with means.model(spec) as model:
        return await answers_by(order, means, spec, model, asked)


async def answers_by(order: BenchJob, means: Means, spec: str, model: Model, asked: Sequence[Asked]) -> Answers:
    """Do the same with a model that is open already, for questions that follow from its earlier answers."""
    given: dict[str, Answer] = {}
    failed: dict[str, str] = {}
    halts: list[str] = []

    async def ask(one: Asked) -> tuple[Asked, Answer | Failure]:
        return one, await model.ask(Request(one.conversation, one.sampling))

    with KeyedLines(means.folder / "answers.jsonl") as kept:
        async with aclosing(each(asked, ask, order.concurrency, until=lambda: bool(halts))) as outcomes:
            async for one, answer in outcomes:
                if isinstance(answer, Answer):
                    given[one.id] = answer
                    kept.add(_key(spec, one), _row(spec, one, answer))
                elif answer.kind == "halted" and not isinstance(model.halt, TeacherGone):
                    halts.append(answer.reason)  # what is in flight is being paid for, and ends first
                else:
                    failed[one.id] = answer.reason
                means.tell.step(f"answers of {spec}", len(given) + len(failed), len(asked))
    if halts:
        raise WorkHalted(halts[0])
    if failed:
        means.tell.say(f"{spec} has no answer to {len(failed)} of {len(asked)}: {next(iter(failed.values()))}")
    return Answers(given, failed)


def _row(spec: str, one: Asked, answer: Answer) -> dict[str, object]:
    return {
        "model": spec,
        "question": one.id,
        "system": one.conversation.system,
        "prompt": one.conversation.messages[-1].content,
        "answer": answer.text,
        "finish_reason": answer.finish_reason,
        "tokens": answer.completion_tokens,
    }


def _key(spec: str, one: Asked) -> str:
    told = f"{spec}\0{one.conversation.model_dump_json()}\0{one.sampling.model_dump_json()}"
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]
