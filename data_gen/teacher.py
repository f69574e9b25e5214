"""A teacher: one model behind one endpoint or many, asked as fast as they take it and as often as it makes sense."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from math import isfinite

from data_gen.asking import Answer, Request
from data_gen.capacity import Capacity
from data_gen.cost import Charge
from data_gen.errors import (
    BadRequest,
    ChatCreditSpent,
    ChatError,
    ChatRateLimited,
    ChatRefused,
    TeacherGone,
    WorkHalted,
)
from data_gen.openai_completion import Address, OpenAICompletions

# Rates count what endpoints do: a token for about this many bytes of prompt, and the longest answer asked for.
_BYTES_PER_TOKEN = 3
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Limits:
    """How a teacher may be asked; concurrency and rates are for each endpoint."""

    concurrency: int = 64
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout_seconds: float = 300.0
    attempts: int = 5
    first_pause_seconds: float = 0.5
    give_up_seconds: float = 900.0


@dataclass(eq=False)
class _Endpoint:
    """An address, what it can take, and why it is no longer asked."""

    completions: OpenAICompletions
    capacity: Capacity
    gone: ChatError | None = None
    last_failure: ChatError | None = None


class Teacher:
    """Shares requests among the endpoints of one model by their free capacity. Open it with `async with`.

    429 only slows an endpoint down and is never an attempt; what else may pass by itself (5xx, timeouts, cut or garbled
    answers) is tried again, `attempts` times in all, wherever there is room. A refusal is final.
    """

    def __init__(self, model: str, addresses: Sequence[Address], limits: Limits | None = None) -> None:
        if not addresses:
            raise BadRequest("A teacher needs at least one address: give a base URL, such as http://127.0.0.1:8000/v1.")
        self.model = model
        self._limits = limits = limits or Limits()
        self._endpoints = [
            _Endpoint(
                OpenAICompletions(model, address, limits.timeout_seconds),
                Capacity(limits.concurrency, limits.requests_per_minute, limits.tokens_per_minute),
            )
            for address in addresses
        ]
        self._queue: deque[tuple[int, asyncio.Future[_Endpoint]]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Teacher:
        for endpoint in self._endpoints:
            await self._opened.enter_async_context(endpoint.completions)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        await self._opened.aclose()

    @property
    def concurrency(self) -> dict[str, int]:
        """Return how many requests each endpoint is given at once just now."""
        return {endpoint.completions.host: int(endpoint.capacity.limit) for endpoint in self._endpoints}

    async def ask(self, request: Request, charge: Charge) -> Answer:
        """Return the answer; raise the last `ChatError`, or `WorkHalted` when asking on makes no sense."""
        tokens = _expected_tokens(request)
        attempt = 1
        while True:
            endpoint = await self._admit(tokens)
            is_trial = endpoint.capacity.is_open
            try:
                return await self._ask_at(endpoint, request, charge, tokens)
            except ChatRateLimited:
                continue
            except ChatRefused:
                raise
            except ChatError:
                # A trial of an endpoint known to be broken says nothing about the request.
                attempt += not is_trial
                if attempt > self._limits.attempts:
                    raise
                await charge.renew()
            pause = min(_LONGEST_PAUSE_SECONDS, self._limits.first_pause_seconds * 2 ** (attempt - 1))
            await asyncio.sleep(pause * random.random())

    async def _ask_at(self, endpoint: _Endpoint, request: Request, charge: Charge, tokens: int) -> Answer:
        loop = asyncio.get_running_loop()
        began, used = loop.time(), 0
        charge.sending()
        try:
            answer = await endpoint.completions.ask(request)
            endpoint.capacity.answered(began)
            used = answer.prompt_tokens + answer.completion_tokens or tokens
            return answer
        except ChatError as error:
            charge.failed(error)
            self._take_note(endpoint, error, began, loop.time())
            raise
        finally:
            endpoint.capacity.end(tokens - used, loop.time())
            self._serve()

    def _take_note(self, endpoint: _Endpoint, error: ChatError, began: float, now: float) -> None:
        capacity = endpoint.capacity
        if isinstance(error, ChatCreditSpent):
            endpoint.gone = error
        elif isinstance(error, ChatRateLimited):
            capacity.asked_to_slow_down(now, error.retry_after_seconds)
        elif isinstance(error, ChatRefused):
            if not error.may_be_billed:
                capacity.refused()
            endpoint.gone = error if capacity.is_hopeless else endpoint.gone
        else:
            endpoint.last_failure = error
            capacity.failed(began, now)

    async def _admit(self, tokens: int) -> _Endpoint:
        """Wait, in turn, for the endpoint with the largest share of free room."""
        turn: asyncio.Future[_Endpoint] = asyncio.get_running_loop().create_future()
        self._queue.append((tokens, turn))
        self._serve()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                turn.result().capacity.end(tokens, asyncio.get_running_loop().time())
                self._serve()
            raise

    def _serve(self) -> None:
        """Give room to those who wait, as far as there is any; else look again when some may be."""
        loop = asyncio.get_running_loop()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._queue:
            tokens, turn = self._queue[0]
            if not turn.done():
                now = loop.time()
                if (halt := self._halt(now)) is not None:
                    turn.set_exception(halt)
                else:
                    chosen = self._roomiest(now)
                    if chosen is None:
                        return
                    chosen.capacity.begin(tokens, now)
                    turn.set_result(chosen)
            self._queue.popleft()

    def _roomiest(self, now: float) -> _Endpoint | None:
        """Return the endpoint with the largest share of free room; if none has any, ask to be woken."""
        asked = [endpoint for endpoint in self._endpoints if endpoint.gone is None]
        waits = [endpoint.capacity.wait_seconds(now) for endpoint in asked]
        free = [endpoint for endpoint, wait in zip(asked, waits, strict=True) if wait <= 0]
        if free:
            return min(free, key=lambda endpoint: endpoint.capacity.in_flight / endpoint.capacity.limit)
        if isfinite(soonest := min(waits)):
            self._alarm = asyncio.get_running_loop().call_later(soonest, self._serve)
        return None

    def _halt(self, now: float) -> WorkHalted | None:
        """Say why no endpoint is worth asking any more, if that is so."""
        asked = [endpoint for endpoint in self._endpoints if endpoint.gone is None]
        last = next((endpoint.gone for endpoint in self._endpoints if endpoint.gone is not None), None)
        if asked:
            give_up = self._limits.give_up_seconds
            for endpoint in asked:
                since = endpoint.capacity.failing_since
                if since is None or not endpoint.capacity.is_open or now - since < give_up:
                    return None
            last = asked[0].last_failure or last
        return TeacherGone(f"Nobody is left to ask: {last} What was answered is kept; the same work goes on from here.")


def _expected_tokens(request: Request) -> int:
    prompt_bytes = sum(len(message.content) for message in request.conversation.messages)
    return prompt_bytes // _BYTES_PER_TOKEN + request.sampling.max_new_tokens
