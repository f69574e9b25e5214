"""Questions to the judge of a benchmark: what they will cost, asked many at a time, and kept in judgements.jsonl."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from data_gen.cost import PICOUSD_PER_USD
from data_gen.errors import WorkHalted
from data_gen.work import each
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.bench import Means
from janus_space.benchmarks.keyed_lines import KeyedLines
from janus_space.judging.judge import PROMPTS, Judgement

Task = TypeVar("Task")
Verdict = TypeVar("Verdict")

# English in common tokenizers, and what judges write before their verdict.
_BYTES_PER_TOKEN = 4
_TOKENS_PER_REPLY = 180


async def judge_all(
    order: BenchJob,
    means: Means,
    what: str,
    tasks: Sequence[Task],
    ask: Callable[[Task], Awaitable[Judgement[Verdict]]],
    about: Callable[[Task], Mapping[str, Any]],
) -> list[Judgement[Verdict]]:
    """Ask everything, and return the judgements in the order of the tasks; `about` says what a row is about.

    Raises:
        WorkHalted: nothing more can be asked for now
    """
    found: dict[int, Judgement[Verdict]] = {}
    halts: list[WorkHalted] = []

    async def one(numbered: tuple[int, Task]) -> tuple[int, Judgement[Verdict] | None]:
        try:
            return numbered[0], await ask(numbered[1])
        except WorkHalted as halt:
            halts.append(halt)  # what is in flight is being paid for, and ends first
            return numbered[0], None

    with KeyedLines(means.folder / "judgements.jsonl") as kept:
        async with aclosing(each(enumerate(tasks), one, order.concurrency, until=lambda: bool(halts))) as outcomes:
            async for number, judgement in outcomes:
                if judgement is None:
                    continue
                found[number] = judgement
                row = {**about(tasks[number]), **judgement.as_row()}
                if judgement.reply or judgement.verdict is not None:  # what was never answered is asked again
                    kept.add(_key(row), {name: value for name, value in row.items() if name != "key"})
                means.tell.step(what, len(found), len(tasks))
    if halts:
        raise halts[0]
    return [found[number] for number in range(len(tasks))]


def tell_cost(order: BenchJob, means: Means, prompts: Sequence[str], times: float = 1.0) -> None:
    """Say before anything is paid what the judge will cost, by questions like those that it will be asked."""
    system_bytes = len(PROMPTS.text("judge").encode())
    count = round(len(prompts) * times)
    tokens_in = round(times * sum(len(text.encode()) + system_bytes for text in prompts) / _BYTES_PER_TOKEN)
    tokens_out = count * _TOKENS_PER_REPLY
    told = f"The judge is asked about {count:,} questions, with about {tokens_in:,} tokens in and {tokens_out:,} out"
    prices = order.known_prices
    if prices is None:
        means.tell.say(f"{told}; what they cost is not known (give --price-in and --price-out).")
        return
    usd = prices.picousd(tokens_in, tokens_out) / PICOUSD_PER_USD
    enough = ""
    if order.budget_usd is not None and usd > order.budget_usd:
        enough = f" The budget of {order.budget_usd:g} USD is enough for about {order.budget_usd / usd:.0%} of it."
    means.tell.say(f"{told}: about {usd:.4f} USD.{enough}")


def _key(row: Mapping[str, Any]) -> str:
    identity = {name: value for name, value in row.items() if name not in ("score", "feedback", "unscored", "reply")}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode("utf-8", "replace")).hexdigest()[:32]
