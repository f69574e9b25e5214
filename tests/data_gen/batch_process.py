"""A process that asks COUNT questions by batch through a ledger, to be killed: `URL LEDGER COUNT`."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

from data_gen.batch_api import BatchApi
from data_gen.batch_work import BatchWork
from data_gen.cost import Budget
from data_gen.ledger import Account, Ledger
from data_gen.openai_completion import Address
from data_gen.work import Outcome
from tests.data_gen.asking_process import PRICES, question


async def ask(
    url: str, path: Path, numbers: range, limit_usd: float | None = None, most_requests: int = 1000
) -> list[Outcome]:
    """Ask them all."""
    async with Ledger(path) as ledger:
        budget = Budget(limit_usd, PRICES, Account(ledger, "run"))
        work = BatchWork(BatchApi("m", Address(url), poll_seconds=0.02), ledger, budget, most_requests)
        return [outcome async for outcome in work.answer_all(question(number) for number in numbers)]


if __name__ == "__main__":
    outcomes = asyncio.run(ask(sys.argv[1], Path(sys.argv[2]), range(int(sys.argv[3]))))
    sys.stdout.write(str(dict(Counter(type(outcome.result).__name__ for outcome in outcomes))) + "\n")
