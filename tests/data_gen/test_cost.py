"""A budget is never overspent, whatever happens in whatever order, and is nearly used up when there is work enough."""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from data_gen.asking import Answer, Request
from data_gen.chat import Conversation, Sampling
from data_gen.cost import PICOUSD_PER_USD, Budget, Prices, most_prompt_tokens
from data_gen.errors import BadRequest, BudgetSpent, ChatTimeout
from data_gen.ledger import Account, Ledger
from tests.data_gen.asking_process import PRICES, question
from tests.data_gen.test_ledger import run_asking
from tests.endpoint import endpoint, says

ASK = Request(Conversation.ask("Which way?"), Sampling(max_new_tokens=100))


def test_prices_are_exact() -> None:
    prices = Prices(usd_per_million_in=0.15, usd_per_million_out=0.6)
    assert prices.picousd(1_000_000, 0) == 0.15 * PICOUSD_PER_USD
    assert prices.picousd(3, 7) == 3 * 150_000 + 7 * 600_000


def test_a_budget_without_a_price_is_refused_with_a_sentence() -> None:
    with pytest.raises(BadRequest, match=r"budget of 1 USD needs the teacher's prices.*--price-in and --price-out"):
        Budget(1.0)
    for nonsense in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(BadRequest, match="buys nothing"):
            Budget(nonsense, PRICES)
    Budget()


@given(some.lists(some.text(max_size=200), min_size=1, max_size=4))
def test_no_prompt_has_more_tokens_than_its_bytes(texts: list[str]) -> None:
    conversation = Conversation.ask(texts[0], system=texts[-1])
    for text in texts[1:]:
        conversation = conversation.then(text, text)
    most = most_prompt_tokens(Request(conversation, Sampling()))
    assert most >= sum(len(message.content.encode()) for message in conversation.messages)


@settings(max_examples=150, deadline=None)
@given(
    some.floats(1e-6, 5e-3),
    some.integers(1, 12),
    some.lists(
        some.tuples(
            some.integers(1, 400),
            some.floats(0, 1),
            some.sampled_from(["answer", "timeout", "refused", "no usage", "cancel"]),
        ),
        max_size=60,
    ),
)
@example(0.0002, 1, [(1, 0.0, "answer"), (180, 1.0, "answer")])
def test_it_is_never_overspent(limit: float, workers: int, work: list[tuple[int, float, str]]) -> None:
    billed = asyncio.run(_spend(limit, workers, work))
    assert billed <= limit * PICOUSD_PER_USD


async def _spend(limit: float, workers: int, work: list[tuple[int, float, str]]) -> int:
    """Do the work as an endpoint does that bills for everything it may; return the bill."""
    budget, billed, left = Budget(limit, PRICES), 0, iter(work)
    dice = random.Random(1)

    async def one(length: int, share: float, end: str) -> None:
        nonlocal billed
        request = Request(ASK.conversation, Sampling(max_new_tokens=length))
        charge = await budget.charge(request)
        try:
            charge.sending()
            await asyncio.sleep(dice.random() * 1e-4)
            most = charge.request.sampling.max_new_tokens  # near the end less than was asked for
            real = Answer("x" * most, "stop", 10, max(1, round(share * most)))
            if end == "refused":
                return charge.failed(_timeout(may_be_billed=False))
            billed += PRICES.picousd(real.prompt_tokens, real.completion_tokens)
            if end == "timeout":
                charge.failed(_timeout(may_be_billed=True))
                await charge.renew()
            elif end == "cancel":
                raise asyncio.CancelledError
            else:
                charge.settle(real if end == "answer" else Answer("x" * real.completion_tokens, "stop"))
        finally:
            charge.release()
        return None

    async def worker() -> None:
        for job in left:
            try:
                await one(*job)
            except (BudgetSpent, asyncio.CancelledError):
                continue

    await asyncio.gather(*(worker() for _ in range(workers)))
    assert budget.figures.reserved_usd == 0
    assert budget.figures.spent_usd + budget.figures.lost_usd <= limit
    return billed


def _timeout(may_be_billed: bool) -> ChatTimeout:
    error = ChatTimeout("no answer")
    error.may_be_billed = may_be_billed
    return error


def test_who_waits_for_money_and_goes_away_takes_none_along() -> None:
    async def act() -> None:
        budget = Budget(0.001, PRICES)
        first = await budget.charge(Request(ASK.conversation, Sampling(max_new_tokens=800)))
        waiting = [asyncio.create_task(budget.charge(ASK)) for _ in range(3)]
        await asyncio.sleep(0)
        first.release()  # grants all three; before they can run, two are cancelled
        waiting[0].cancel()
        waiting[1].cancel()
        await asyncio.wait(waiting)
        waiting[2].result().release()
        assert budget.figures.reserved_usd == 0

    asyncio.run(act())


def test_near_the_end_there_is_room_for_half_as_long_again_as_any_answer_so_far() -> None:
    async def act() -> tuple[list[int], float]:
        budget = Budget(1.5, Prices(usd_per_million_in=0, usd_per_million_out=1000))
        limits: list[int] = []
        with suppress(BudgetSpent):
            while len(limits) < 100:
                charge = await budget.charge(Request(Conversation.ask("Why?"), Sampling(max_new_tokens=1000)))
                limits.append(charge.request.sampling.max_new_tokens)
                charge.settle(Answer("So.", "stop", 7, 100))
        return limits, budget.figures.spent_usd

    limits, spent = asyncio.run(act())
    assert limits == [1000] * 6 + [150] * 8
    assert spent == pytest.approx(1.4)


def test_what_was_spent_before_counts_and_so_does_what_a_killed_run_had_in_flight(tmp_path: Path) -> None:
    async def first() -> None:
        async with Ledger(tmp_path / "l.sqlite") as ledger:
            budget = Budget(0.1, PRICES, Account(ledger, "run"))
            charge = await budget.charge(ASK)
            await ledger.put(_key(), Answer("Go.", "stop", 7, 3), charge.picousd(Answer("Go.", "stop", 7, 3)), "run")
            charge.settle(Answer("Go.", "stop", 7, 3))
            await budget.charge(ASK)
            # and here it is killed

    async def again(run: str) -> tuple[float, float]:
        async with Ledger(tmp_path / "l.sqlite") as ledger:
            figures = Budget(0.1, PRICES, Account(ledger, run)).figures
            return figures.spent_usd, figures.lost_usd

    asyncio.run(first())
    worst = Budget(0.1, PRICES).worst_picousd(ASK) / PICOUSD_PER_USD
    for _ in range(2):
        spent, lost = asyncio.run(again("run"))
        assert spent == pytest.approx(1e-5)
        assert worst <= lost <= worst + 0.1 / 100
    assert asyncio.run(again("another run")) == (0, 0)


def test_a_run_ends_within_a_tenth_of_its_budget_and_never_above(tmp_path: Path) -> None:
    """One endpoint, real HTTP; each answer costs 7 + 4 tokens and could have cost about 200."""
    limit = 0.02
    with endpoint(says(lambda body: "one two three four", seconds_before=0.01)) as server:
        said = _run_with_budget(server.url, tmp_path / "l.sqlite", limit)
        assert said.startswith("BudgetSpent: The budget of 0.02 USD is used up"), said
        billed = len(server.asked) * PRICES.picousd(7, 4) / PICOUSD_PER_USD
        assert 0.9 * limit < billed <= limit
        assert "BudgetSpent" in _run_with_budget(server.url, tmp_path / "l.sqlite", limit)
        assert len(server.asked) * PRICES.picousd(7, 4) / PICOUSD_PER_USD == billed
        assert float(re.findall(r"([\d.]+) USD are spent", said)[0]) == pytest.approx(billed, abs=1e-4)
        assert run_asking(server, tmp_path / "l.sqlite", 1000, 50) == "{'Answer': 1000}"  # nothing of it is new
        assert len(server.asked) * PRICES.picousd(7, 4) / PICOUSD_PER_USD == billed


def _run_with_budget(url: str, path: Path, limit_usd: float) -> str:
    from tests.data_gen import asking_process

    try:
        return str(asyncio.run(asking_process.ask(url, path, 10_000, 50, limit_usd)))
    except BudgetSpent as spent:
        return f"BudgetSpent: {spent}"


def _key() -> object:
    from data_gen.request_key import request_key

    return request_key("m", question(0))
