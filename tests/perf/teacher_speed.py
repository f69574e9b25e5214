"""What asking a teacher costs on this side: CPU a request against the bare client, and memory over many requests."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from openai import AsyncOpenAI, DefaultAioHttpClient

from data_gen.asking import Answer, Request
from data_gen.chat import Conversation, Sampling
from data_gen.cost import Budget
from data_gen.ledger import Account, Ledger
from data_gen.openai_completion import Address
from data_gen.teacher import Limits, Teacher
from data_gen.work import Work, ask_all
from tests.perf.table import Line
from tests.perf.teacher_server import teacher_server

ROUNDS = 5
CONCURRENCY = 200
REQUESTS_A_ROUND = 2_000
SYSTEM = "You are a patient teacher who explains everything slowly, with many small examples. " * 4
FEW, MANY = 10_000, 100_000


async def measure(say: Callable[[str], None], few: int = FEW, many: int = MANY) -> list[Line]:
    """Return the table's lines; takes about three minutes on two quiet cores, mostly for the memory."""
    with teacher_server() as url, tempfile.TemporaryDirectory() as folder:
        bare: list[float] = []
        ours: list[float] = []
        async with _work(url, Path(folder) / "speed.sqlite") as work, _bare_client(url) as client:
            await _bare_round(client, 400, "warm")
            await _our_round(work, 400, "warm")
            for turn in range(ROUNDS):
                say(f"teacher: round {turn + 1} of {ROUNDS}")
                bare.append(await _bare_round(client, REQUESTS_A_ROUND, str(turn)))
                ours.append(await _our_round(work, REQUESTS_A_ROUND, str(turn)))
        async with _work(url, Path(folder) / "memory.sqlite") as work:
            say(f"teacher: {few:,} requests, then up to {many:,}")
            await _our_round(work, few, "few")
            before = _resident_mb()
            await _our_round(work, many - few, "many")
            after = _resident_mb()
    bare_ms, our_ms = statistics.median(bare), statistics.median(ours)
    return [
        Line("CPU a request, bare AsyncOpenAI on aiohttp", f"{bare_ms:.2f} ms"),
        Line("CPU a request, teacher with ledger", f"{our_ms:.2f} ms", our_ms / bare_ms, at_most=1.3),
        Line("the same against 3.0 ms", f"{our_ms:.2f} ms", our_ms / 3.0, at_most=1.0),
        Line(
            f"resident memory from {few:,} to {many:,} requests, against 50 MB",
            f"{before:.0f} to {after:.0f} MB",
            abs(after - before) / 50,
            at_most=1.0,
        ),
    ]


@asynccontextmanager
async def _work(url: str, path: Path) -> AsyncIterator[Work]:
    limits = Limits(concurrency=CONCURRENCY)
    async with Teacher("m", [Address(url, "sk-none")], limits) as teacher, Ledger(path) as ledger:
        yield Work(teacher, ledger, Budget(account=Account(ledger, "speed")))


def _bare_client(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=url, api_key="sk-none", max_retries=0, http_client=DefaultAioHttpClient())


def _requests(count: int, name: str) -> Iterator[Request]:
    for number in range(count):
        yield Request(Conversation.ask(f"Question {name} {number}: why is the sky blue?", SYSTEM), Sampling())


async def _our_round(work: Work, count: int, name: str) -> float:
    """Return milliseconds of CPU a request, all threads of this process together."""
    start = time.process_time()
    answered = 0
    async for outcome in ask_all(_requests(count, name), work, CONCURRENCY):
        assert isinstance(outcome.result, Answer), outcome.result
        answered += 1
    assert answered == count
    return (time.process_time() - start) / count * 1000


async def _bare_round(client: AsyncOpenAI, count: int, name: str) -> float:
    """Ask as anybody would: workers that share an iterator."""
    start = time.process_time()
    requests = _requests(count, name)

    async def go_on() -> None:
        for request in requests:
            answer = await client.chat.completions.create(
                model="m",
                messages=request.conversation.as_dicts(),  # type: ignore[arg-type]
                temperature=1.0,
                top_p=0.9,
                max_tokens=256,
            )
            assert answer.choices[0].message.content

    await asyncio.gather(*(go_on() for _ in range(CONCURRENCY)))
    return (time.process_time() - start) / count * 1000


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6
