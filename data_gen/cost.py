"""What asking costs, and a budget that is never overspent: the worst case is set aside before a request is sent.

Money is counted in whole picodollars (10⁻¹² USD), so that sums are exact.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, ConfigDict, Field

from data_gen.asking import Answer, Request
from data_gen.errors import BadRequest, BudgetSpent, ChatError, StorageFailed
from data_gen.ledger import Account

PICOUSD_PER_USD = 10**12
_PICOUSD_PER_TOKEN = 10**6  # at a price of 1 USD a million tokens

# What a chat template may add: a few tokens around each message, and a default system message or today's date.
_TOKENS_PER_MESSAGE, _TOKENS_PER_REQUEST = 16, 128
# What may be in flight is written down in steps of this share of the budget, so that it is written down rarely.
_STEPS_PER_BUDGET = 100


class Prices(BaseModel):
    """What the teacher's endpoint charges."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd_per_million_in: float = Field(ge=0, allow_inf_nan=False, description="USD for a million tokens of prompt")
    usd_per_million_out: float = Field(ge=0, allow_inf_nan=False, description="USD for a million tokens of answer")

    def picousd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Return the price of one request."""
        each_in = round(self.usd_per_million_in * _PICOUSD_PER_TOKEN)
        each_out = round(self.usd_per_million_out * _PICOUSD_PER_TOKEN)
        return prompt_tokens * each_in + completion_tokens * each_out


FREE = Prices(usd_per_million_in=0, usd_per_million_out=0)


def most_prompt_tokens(request: Request) -> int:
    """Return what the prompt cannot exceed in any tokenizer: a token is at least one byte of UTF-8."""
    texts = [message.content for message in request.conversation.messages]
    if request.answer_schema is not None:
        texts.append(json.dumps(request.answer_schema))
    return sum(len(text.encode()) + _TOKENS_PER_MESSAGE for text in texts) + _TOKENS_PER_REQUEST


@dataclass
class Figures:
    """What has happened so far in this process, to be shown while it runs; money is that of the whole run."""

    spent_usd: float = 0.0
    lost_usd: float = 0.0
    reserved_usd: float = 0.0
    requests: int = 0
    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class Budget:
    """Grants requests as long as spent + lost + the worst case of all in flight stays within the limit.

    Lost is what may have been billed for answers that never came. Near the end fewer and fewer requests are in flight
    at once, and it ends when not even one more is sure to fit; so it ends within one short request's worst case of it.
    """

    def __init__(
        self, limit_usd: float | None = None, prices: Prices | None = None, account: Account | None = None
    ) -> None:
        if limit_usd is not None and not 0 < limit_usd < float("inf"):
            raise BadRequest(f"A budget of {limit_usd} USD buys nothing: give an amount above 0, or no budget at all.")
        if limit_usd is not None and prices is None:
            raise BadRequest(
                f"A budget of {limit_usd:g} USD needs the teacher's prices, which are not known: give --price-in and"
                " --price-out, in USD for a million tokens."
            )
        self.prices = prices or FREE
        self.run = account.run if account else ""
        self._account = account
        self._limit = None if limit_usd is None else int(limit_usd * PICOUSD_PER_USD)
        self._spent = account.spent_picousd if account else 0
        self._lost = account.lost_picousd if account else 0
        self._reserved = 0
        self._charges_held = 0
        self._in_flight_noted = 0
        self._noting: asyncio.Future[None] | None = None
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._longest_answer = 0
        self._figures = Figures()

    @property
    def figures(self) -> Figures:
        """Return the figures as they are now."""
        self._figures.spent_usd = self._spent / PICOUSD_PER_USD
        self._figures.lost_usd = self._lost / PICOUSD_PER_USD
        self._figures.reserved_usd = self._reserved / PICOUSD_PER_USD
        return self._figures

    def worst_picousd(self, request: Request) -> int:
        """Return what one request cannot exceed, if the endpoint honours its limit on the answer's length."""
        return self.prices.picousd(most_prompt_tokens(request), request.sampling.max_new_tokens)

    def picousd(self, request: Request, answer: Answer) -> int:
        """Return what an answer cost; for an endpoint that counts no tokens, what it cannot exceed."""
        most_completion_tokens = min(request.sampling.max_new_tokens, len(answer.text.encode()))
        return self.prices.picousd(
            answer.prompt_tokens or most_prompt_tokens(request), answer.completion_tokens or most_completion_tokens
        )

    async def charge(self, request: Request) -> Charge:
        """Set the request's worst case aside, waiting for others to settle if need be; settle what this returns.

        Near the end the charge's own request may be a shorter one: with room for an answer half as long again as any
        so far. Raises `BudgetSpent` when not even that would fit if nothing else were in flight.
        """
        try:
            await self.reserve(self.worst_picousd(request))
        except BudgetSpent:
            request = self._shortened(request)
            await self.reserve(self.worst_picousd(request))
        return Charge(self, request, self.worst_picousd(request))

    async def reserve(self, picousd: int) -> None:
        """Set an amount aside, in turn."""
        if self._queue or not self._fits(picousd):
            turn = asyncio.get_running_loop().create_future()
            self._queue.append((picousd, turn))
            self._serve()
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.exception() is None:
                    self.give_back(picousd)
                raise
        else:
            self._hold(picousd)
        try:
            await self._note()
        except BaseException:
            self.give_back(picousd)
            raise

    def reserve_now(self, picousd: int) -> bool:
        """Set an amount aside if it fits at once; for work that is written down elsewhere before it is sent."""
        if self._queue or not self._fits(picousd):
            return False
        self._hold(picousd)
        return True

    def give_back(self, reserved_picousd: int, spent_picousd: int = 0, lost_picousd: int = 0) -> None:
        """End a reservation with what it came to."""
        self._reserved -= reserved_picousd
        self._charges_held -= 1
        self._spent += spent_picousd
        self._lost += lost_picousd
        self._serve()

    def count(self, answer: Answer) -> None:
        """Count an answer in the figures."""
        figures = self._figures
        figures.answers += 1
        figures.prompt_tokens += answer.prompt_tokens
        figures.completion_tokens += answer.completion_tokens
        self._longest_answer = max(self._longest_answer, answer.completion_tokens)

    def spent_up(self, picousd: int) -> BudgetSpent:
        """Say that a request of this worst case does not fit any more."""
        limit, gone = (self._limit or 0) / PICOUSD_PER_USD, (self._spent + self._lost) / PICOUSD_PER_USD
        return BudgetSpent(
            f"The budget of {limit:g} USD is used up: {gone:.4f} USD are spent, and the next request could cost up to"
            f" {picousd / PICOUSD_PER_USD:.4f} USD; what was answered is kept, and a larger budget goes on from here."
        )

    def spend(self, picousd: int) -> None:
        """Count what has been spent without a reservation: it was sent by an earlier run."""
        self._spent += picousd

    async def note_lost(self) -> None:
        """Write down what may have been paid for nothing."""
        if self._account is not None and self._limit is not None:
            await self._account.note(self._in_flight_noted, self._lost)

    async def close(self) -> None:
        """Write down that nothing is in flight any more."""
        if self._account is not None and self._in_flight_noted:
            self._in_flight_noted = 0
            with suppress(StorageFailed):  # then it still counts as in flight, which is on the safe side
                await self._account.note(self._reserved, self._lost)

    def _shortened(self, request: Request) -> Request:
        limit = request.sampling.max_new_tokens
        enough = min(limit, self._longest_answer + self._longest_answer // 2) or limit
        return replace(request, sampling=request.sampling.model_copy(update={"max_new_tokens": enough}))

    def _fits(self, picousd: int) -> bool:
        return self._limit is None or self._spent + self._lost + self._reserved + picousd <= self._limit

    def _hold(self, picousd: int) -> None:
        self._reserved += picousd
        self._charges_held += 1

    def _serve(self) -> None:
        while self._queue:
            picousd, turn = self._queue[0]
            if not turn.done():
                if self._fits(picousd):
                    self._hold(picousd)
                    turn.set_result(None)
                elif not self._charges_held:
                    turn.set_exception(self.spent_up(picousd))
                else:
                    return
            self._queue.popleft()

    async def _note(self) -> None:
        """Before it is sent, write down what is in flight: a killed run must not forget what it may have paid."""
        if self._account is None or self._limit is None:
            return
        if self._reserved > self._in_flight_noted:
            step = max(1, self._limit // _STEPS_PER_BUDGET)
            most = max(self._reserved, self._limit - self._spent - self._lost)
            self._in_flight_noted = min(-(-self._reserved // step) * step, most)
            self._noting = asyncio.ensure_future(self._account.note(self._in_flight_noted, self._lost))
        if self._noting is not None and not self._noting.done():
            await asyncio.shield(self._noting)


class Charge:
    """The money set aside for one request, from before it is first sent until its answer is on disk."""

    def __init__(self, budget: Budget, request: Request, worst_picousd: int) -> None:
        self.request = request
        self._budget = budget
        self._worst = worst_picousd
        self._is_held = True
        self._may_be_billed = False

    def sending(self) -> None:
        """Count one request going out."""
        self._budget.figures.requests += 1
        self._may_be_billed = True

    def failed(self, error: ChatError) -> None:
        """Count one request that came to nothing."""
        self._budget.figures.errors[type(error).__name__] += 1
        self._may_be_billed = error.may_be_billed

    async def renew(self) -> None:
        """Before it is sent again: if the last attempt may have been billed, set aside as much once more."""
        if self._may_be_billed:
            self.release()
            await self._budget.note_lost()
            await self._budget.reserve(self._worst)
            self._is_held = True
            self._may_be_billed = False

    def picousd(self, answer: Answer) -> int:
        """Return what this answer cost."""
        return self._budget.picousd(self.request, answer)

    def settle(self, answer: Answer) -> None:
        """Count the answer, and give back what it did not cost."""
        self._budget.count(answer)
        self._is_held = False
        self._budget.give_back(self._worst, spent_picousd=self.picousd(answer))

    def release(self) -> None:
        """Give back what is still held; if nobody knows whether it was billed, it counts as lost."""
        if self._is_held:
            self._is_held = False
            self._budget.give_back(self._worst, lost_picousd=self._worst if self._may_be_billed else 0)
