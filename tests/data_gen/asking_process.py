"""A process that asks a teacher COUNT questions through a ledger: `URL LEDGER COUNT CONCURRENCY [BUDGET_USD]`."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

from data_gen.asking import Request
from data_gen.chat import Conversation, Sampling
from data_gen.cost import Budget, Prices
from data_gen.errors import WorkHalted
from data_gen.ledger import Account, Ledger
from data_gen.openai_completion import Address
from data_gen.teacher import Limits, Teacher
from data_gen.work import Work, ask_all

PRICES = Prices(usd_per_million_in=1.0, usd_per_million_out=1.0)


def question(number: int) -> Request:
    """Return the numbered question."""
    return Request(Conversation.ask(f"Question {number}?"), Sampling(max_new_tokens=64))


async def ask(url: str, path: Path, count: int, concurrency: int, limit_usd: float | None) -> Counter[str]:
    """Ask them all; count what came of it by type."""
    results: Counter[str] = Counter()
    limits = Limits(concurrency=concurrency, timeout_seconds=5, first_pause_seconds=0.01)
    async with (
        Teacher("m", [Address(url)], limits) as teacher,
        Ledger(path) as ledger,
        Work(teacher, ledger, Budget(limit_usd, PRICES, Account(ledger, "run"))) as work,
    ):
        async for outcome in ask_all((question(number) for number in range(count)), work, concurrency):
            results[type(outcome.result).__name__] += 1
    return results


def main(url: str, path: str, count: str, concurrency: str, limit_usd: str = "") -> None:
    """Print one line: what came of it, or why it ended."""
    try:
        said = str(dict(asyncio.run(ask(url, Path(path), int(count), int(concurrency), float(limit_usd or 0) or None))))
    except WorkHalted as halt:
        said = f"{type(halt).__name__}: {halt}"
    sys.stdout.write(said + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
