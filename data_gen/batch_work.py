"""Answer many requests by batches, with the same ledger and budget: what is sent is found again, never sent twice."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from data_gen.asking import Answer, Failure, Request
from data_gen.batch_api import Batch, BatchApi
from data_gen.cost import Budget
from data_gen.errors import ChatError, TeacherGone
from data_gen.ledger import Ledger
from data_gen.request_key import RequestKey, request_key
from data_gen.work import Outcome

# OpenAI takes 50,000 requests and 200 MB a file; fewer keep less in memory here and hold less money back.
MOST_REQUESTS = 20_000
MOST_BYTES = 100 * 2**20
ROUNDS = 4
_KEPT_TOGETHER = 500
_SILENCE = "neither file of the batch spoke of it."


_Load = dict[RequestKey, list[Request]]


@dataclass
class _Collected:
    """What came out of one batch besides answers."""

    spent_picousd: int = 0
    reasons: dict[RequestKey, str] = field(default_factory=dict)
    final: set[RequestKey] = field(default_factory=set)
    lost: set[RequestKey] = field(default_factory=set)

    def add_error(self, key: RequestKey, error: ChatError, is_final: bool) -> None:
        self.reasons[key] = str(error)
        if is_final:
            self.final.add(key)
        if error.may_be_billed:
            self.lost.add(key)


class BatchWork:
    """Sends what the ledger does not hold, one batch after another.

    A batch is written down before it is created and found again by its metadata, so that a kill at any moment neither
    loses it nor sends it twice. `budget` holds the prices of batches, at OpenAI half of the others.
    """

    def __init__(
        self,
        api: BatchApi,
        ledger: Ledger,
        budget: Budget,
        most_requests: int = MOST_REQUESTS,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._api = api
        self._ledger = ledger
        self._budget = budget
        self._most_requests = most_requests
        self._say = say

    def kept(self, request: Request) -> Answer | None:
        """Return the answer if it was ever paid for."""
        return self._ledger.get(request_key(self._api.model, request))

    async def answer_all(self, requests: Iterable[Request]) -> AsyncGenerator[Outcome, None]:
        """Yield every request with its answer or failure; raise `WorkHalted` when it cannot go on."""
        await self._take_up()
        source = iter(requests)
        while (request := next(source, None)) is not None:
            load: _Load = {}
            size = 0
            while request is not None:
                key = request_key(self._api.model, request)
                if (kept := self._ledger.get(key)) is not None:
                    yield Outcome(request, kept)
                else:
                    load.setdefault(key, []).append(request)
                    size += len(self._api.line(key.as_text, request))
                if len(load) >= self._most_requests or size >= MOST_BYTES:
                    break
                request = next(source, None)
            async with aclosing(self._answer(load)) as outcomes:
                async for outcome in outcomes:
                    yield outcome

    async def _take_up(self) -> None:
        """Fetch the answers of batches that an earlier run, stopped or killed, has sent."""
        for name, batch_id in self._ledger.read("SELECT name, batch_id FROM batches"):
            if batch_id is None:
                found = await self._api.find(name)
                if found is None:  # killed before it was created
                    await self._forget(name)
                    continue
                batch_id = found.id
            self._say(f"Waiting for the batch {batch_id} of an earlier run.")
            collected = await self._collect(name, await self._api.ended(batch_id))
            self._budget.spend(collected.spent_picousd)

    async def _answer(self, load: _Load) -> AsyncGenerator[Outcome, None]:
        """Send what is missing until nothing is, or until it makes no sense any more."""
        reasons: dict[RequestKey, str] = {}
        sent: Counter[RequestKey] = Counter()
        while affordable := self._affordable({key: load[key] for key in load if sent[key] < ROUNDS}):
            sent.update(affordable.keys())
            collected = await self._send(affordable)
            reasons |= collected.reasons
            for outcome in self._finished(load, collected):
                yield outcome
        for key, requests in load.items():
            if sent[key] < ROUNDS:
                raise self._budget.spent_up(self._budget.worst_picousd(requests[0]))
            for request in requests:
                yield Outcome(
                    request, Failure("failed", f"Not answered in {ROUNDS} batches: {reasons.get(key, _SILENCE)}")
                )

    def _finished(self, load: _Load, collected: _Collected) -> Iterator[Outcome]:
        """Take out of the load what is answered or refused for good."""
        for key in list(load):
            result: Answer | Failure | None = self._ledger.get(key)
            if result is None and key in collected.final:
                result = Failure("failed", collected.reasons[key])
            if result is not None:
                for request in load.pop(key):
                    yield Outcome(request, result)

    def _affordable(self, load: _Load) -> _Load:
        """Take as many as their worst cases leave room for, and set those aside."""
        taken: _Load = {}
        for key, requests in load.items():
            if not self._budget.reserve_now(self._budget.worst_picousd(requests[0])):
                break
            taken[key] = requests
        return taken

    async def _send(self, load: _Load) -> _Collected:
        collected = _Collected()
        try:
            name = uuid.uuid4().hex
            await self._ledger.write(("INSERT INTO batches (name) VALUES (?)", (name,)))
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "batch.jsonl"
                with path.open("w", encoding="utf-8") as file:
                    file.writelines(self._api.line(key.as_text, requests[0]) for key, requests in load.items())
                batch = await self._api.create(name, path)
            self._budget.figures.requests += len(load)
            self._say(f"Batch {batch.id} of {len(load)} requests is out; its answers come within a day.")
            await self._ledger.write(("UPDATE batches SET batch_id = ? WHERE name = ?", (batch.id, name)))
            collected = await self._collect(name, await self._api.ended(batch.id))
            return collected
        finally:
            self._settle(load, collected)
            await self._budget.note_lost()

    async def _collect(self, name: str, batch: Batch) -> _Collected:
        """Keep every answer of an ended batch, and then forget the batch."""
        if batch.status == "failed":
            await self._forget(name)
            raise TeacherGone(
                f"The batch was not accepted: {batch.complaint or 'no reason was given'}. Nothing of it was billed;"
                " what was answered before is kept."
            )
        collected = _Collected()
        together: dict[RequestKey, Answer] = {}
        async with aclosing(self._api.lines(batch)) as lines:
            async for line in lines:
                key = RequestKey.parse(line.custom_id)
                if isinstance(line.result, ChatError):
                    self._budget.figures.errors[type(line.result).__name__] += 1
                    collected.add_error(key, line.result, line.is_final)
                elif self._ledger.get(key) is None:
                    together[key] = line.result
                if len(together) >= _KEPT_TOGETHER:
                    collected.spent_picousd += await self._keep(together)
                    together = {}
        collected.spent_picousd += await self._keep(together)
        await self._forget(name)
        return collected

    async def _keep(self, answers: dict[RequestKey, Answer]) -> int:
        costs = [self._budget.prices.picousd(one.prompt_tokens, one.completion_tokens) for one in answers.values()]
        puts = (
            self._ledger.put(key, answer, cost, self._budget.run)
            for (key, answer), cost in zip(answers.items(), costs, strict=True)
        )
        await asyncio.gather(*puts)
        for answer in answers.values():
            self._budget.count(answer)
        return sum(costs)

    async def _forget(self, name: str) -> None:
        await self._ledger.write(("DELETE FROM batches WHERE name = ?", (name,)))

    def _settle(self, load: _Load, collected: _Collected) -> None:
        for key, requests in load.items():
            worst = self._budget.worst_picousd(requests[0])
            self._budget.give_back(worst, lost_picousd=worst if key in collected.lost else 0)
        self._budget.spend(collected.spent_picousd)
