"""The running batch: requests join and leave it, every step makes one token for each.

One thread owns the model and calls `step` in a loop. A step is one forward pass over flat tokens (attention.py): the
next token of every row that is answering, and a bounded share of the prompts of rows that have just joined.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from data_gen.chat import FinishReason, Sampling, Timings
from janus_space.engine.adapters import AdapterBank
from janus_space.engine.attention import FlatPlan, Segment
from janus_space.engine.cache import RowCache, common
from janus_space.engine.decode import Chooser, TextStream
from janus_space.engine.form import Form
from janus_space.engine.threads import Threads

_ALIKE = 64
"""Tokens that two prompts must share at their beginning for the second to wait for what the first has read."""


@dataclass(frozen=True)
class Piece:
    """Text of one row that has just become certain."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The end of one row."""

    finish_reason: FinishReason
    tokens: int
    timings: Timings


@dataclass(frozen=True)
class Broken:
    """The row was lost to a failure of the engine; the message says which."""

    message: str


@dataclass
class Request:
    """A prompt to be answered. `report` runs in the engine's thread; `cancelled` frees the row at the next step."""

    token_ids: list[int]
    sampling: Sampling
    adapter: str | None
    report: Callable[[Piece | Finished | Broken], None]
    form: Form | None = None
    arrived: float = field(default_factory=time.perf_counter)
    cancelled: bool = False


class Row:
    """One request while it is in the batch."""

    def __init__(self, request: Request, tokenizer: Any, held: int, device: torch.device) -> None:
        self.request = request
        self.tokens = list(request.token_ids)
        self.held = held
        self.made = 0
        self.first_token_at = 0.0
        self.is_stale = False  # read by an adapter that has been replaced since: nobody else may take it over
        self.chooser = Chooser(request.sampling, request.token_ids, device, request.form)
        self.stream = TextStream(tokenizer, request.sampling.stop)

    @property
    def pending(self) -> int:
        return len(self.tokens) - self.held

    def finish(self, reason: FinishReason) -> None:
        now = time.perf_counter()
        if piece := self.stream.flush():
            self.request.report(Piece(piece))
        answering = now - self.first_token_at
        timings = Timings(
            ttft_s=(self.first_token_at or now) - self.request.arrived,
            total_s=now - self.request.arrived,
            tokens_per_s=(self.made - 1) / answering if self.made > 1 and answering > 0 else None,
        )
        self.request.report(Finished(reason, self.made, timings))


class Batch:
    """All rows being answered by one base model.

    Invariant: rows that answer stand in the leading slots of the cache, rows still reading their prompt behind them.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        bank: AdapterBank,
        *,
        max_rows: int = 32,
        read_tokens: int = 512,
        threads: Threads | None = None,
    ) -> None:
        config = model.config.get_text_config()
        self._model, self._tokenizer, self._bank = model, tokenizer, bank
        self._max_rows, self._read_tokens, self._threads = max_rows, read_tokens, threads
        self._device = next(model.parameters()).device
        self._layers = int(config.num_hidden_layers)
        self._cache = RowCache(layers=self._layers)
        self._waiting: collections.deque[Request] = collections.deque()
        self._rows: list[Row] = []
        self.ends = end_tokens(model, tokenizer)

    @property
    def size(self) -> int:
        return len(self._rows) + len(self._waiting)

    def join(self, request: Request) -> None:
        """Queue a request; it enters the batch at the next step that has room."""
        self._waiting.append(request)

    def forget(self, adapter: str | None) -> None:
        """Drop what is remembered under an adapter that was loaded anew."""
        self._cache.forget(adapter)
        for row in self._rows:
            row.is_stale = row.is_stale or row.request.adapter == adapter

    def abandon(self, message: str) -> None:
        """Give up every row and start with an empty cache."""
        lost = [row.request for row in self._rows] + list(self._waiting)
        self._rows, self._waiting = [], collections.deque()
        self._cache = RowCache(layers=self._layers)
        for request in lost:
            request.report(Broken(message))

    @torch.inference_mode()
    def step(self) -> None:
        """Make one token for each answering row."""
        self._drop_cancelled()
        self._admit()
        if not self._rows:
            return
        self._arrange()
        plan, owners, flat, positions, last = self._plan()
        self._bank.choose(owners)
        # Only steps alike can be compared: those that read no prompt.
        threads = None if plan.segments else self._threads
        if threads is not None:
            threads.before(plan.answering)
        start = time.perf_counter()
        output = self._model(
            input_ids=torch.tensor([flat], device=self._device),
            position_ids=torch.tensor([positions], device=self._device),
            use_cache=False,
            logits_to_keep=torch.tensor([place for _, place in last], dtype=torch.long, device=self._device),
            flat_plan=plan,
        )
        if threads is not None:
            threads.after(time.perf_counter() - start)
        self._extend([row for row, _ in last], output.logits[0])

    def _drop_cancelled(self) -> None:
        for request in [request for request in self._waiting if request.cancelled]:
            self._waiting.remove(request)
            waited = time.perf_counter() - request.arrived
            request.report(Finished("stopped", 0, Timings(ttft_s=waited, total_s=waited)))
        for row in [row for row in self._rows if row.request.cancelled]:
            self._leave(row, "stopped")

    def _admit(self) -> None:
        """Let requests in, but those that begin like a row which still reads that: they soon take it over."""
        held_back: list[Request] = []
        while self._waiting and len(self._rows) < self._max_rows and len(held_back) < self._max_rows:
            request, slot = self._waiting.popleft(), len(self._rows)
            twin, shared = self._twin(request)
            if twin is not None and twin.pending > 1 and twin.held < shared:
                held_back.append(request)
                continue
            self._cache.reserve(slot + 1, len(request.token_ids))
            held = self._cache.recall(slot, request.adapter, request.token_ids)
            if twin is not None and held < (lent := min(shared, twin.held)):
                self._cache.move(self._rows.index(twin), slot, lent)
                held = lent
            self._rows.append(Row(request, self._tokenizer, held, self._device))
        self._waiting.extendleft(reversed(held_back))

    def _twin(self, request: Request) -> tuple[Row | None, int]:
        """Find the row that begins most like a request, and how many tokens they share; of few, it is not worth it."""
        tokens = request.token_ids
        alike = [
            (common(row.tokens, tokens), row)
            for row in self._rows
            if row.request.adapter == request.adapter and not row.is_stale and row.tokens[:_ALIKE] == tokens[:_ALIKE]
        ]
        shared, twin = max(alike, key=lambda found: found[0], default=(0, None))
        shared = min(shared, len(tokens) - 1)
        return (twin, shared) if shared >= _ALIKE else (None, 0)

    def _plan(self) -> tuple[FlatPlan, list[str | None], list[int], list[int], list[tuple[Row, int]]]:
        answering = [row for row in self._rows if row.pending == 1]
        flat = [row.tokens[-1] for row in answering]
        positions = [row.held for row in answering]
        owners = [row.request.adapter for row in answering]
        last = [(row, place) for place, row in enumerate(answering)]
        segments, budget = [], self._read_tokens
        self._cache.reserve(len(self._rows), max(len(row.tokens) for row in self._rows))
        for slot in range(len(answering), len(self._rows)):
            row = self._rows[slot]
            count = min(row.pending, budget)
            if not count:
                break
            budget -= count
            segments.append(Segment(slot, row.held, count))
            if count == row.pending:
                last.append((row, len(flat) + count - 1))
            flat += row.tokens[row.held : row.held + count]
            positions += range(row.held, row.held + count)
            owners += [row.request.adapter] * count
        plan = FlatPlan(self._cache, [row.held for row in answering], tuple(segments), self._device)
        for row in answering:
            row.held += 1
        for segment in segments:
            self._rows[segment.slot].held += segment.count
        return plan, owners, flat, positions, last

    def _extend(self, rows: list[Row], logits: Tensor) -> None:
        ended: list[tuple[Row, FinishReason]] = []
        for row, row_logits in zip(rows, logits, strict=True):
            token = row.chooser.choose(row_logits)
            row.first_token_at = row.first_token_at or time.perf_counter()
            if token in self.ends:
                ended.append((row, "stop"))
                continue
            row.tokens.append(token)
            row.made += 1
            if piece := row.stream.push(token):
                row.request.report(Piece(piece))
            if row.stream.stopped:
                ended.append((row, "stop"))
            elif row.made >= row.request.sampling.max_new_tokens:
                ended.append((row, "length"))
        for row, reason in ended:
            self._leave(row, reason)

    def _leave(self, row: Row, reason: FinishReason) -> None:
        slot, final = self._rows.index(row), self._rows[-1]
        if not row.is_stale:
            self._cache.keep(slot, row.request.adapter, row.tokens[: row.held])
        if final is not row:
            self._cache.move(len(self._rows) - 1, slot, final.held)
            self._rows[slot] = final
        self._rows.pop()
        row.finish(reason)

    def _arrange(self) -> None:
        answering = sum(row.pending == 1 for row in self._rows)
        early = [slot for slot in range(answering) if self._rows[slot].pending != 1]
        late = [slot for slot in range(answering, len(self._rows)) if self._rows[slot].pending == 1]
        for one, other in zip(early, late, strict=True):
            self._cache.swap(one, other, max(self._rows[one].held, self._rows[other].held))
            self._rows[one], self._rows[other] = self._rows[other], self._rows[one]


def end_tokens(model: nn.Module, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer."""
    config = getattr(model, "generation_config", None)
    told = getattr(config, "eos_token_id", None)
    listed = told if isinstance(told, list) else [told]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
