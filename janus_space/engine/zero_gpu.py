"""On ZeroGPU: a base that the app's own process holds, asked inside `spaces.GPU`, which lends it a GPU for one answer.

A Space on ZeroGPU has no GPU. What `spaces.GPU` wraps runs in a process forked for it, with a GPU for as long as it
runs, and what it yields comes back. So the weights lie here, loaded before the page opens, and in no engine process.

    columns of one comparison ─▶ gathered ─▶ spaces.GPU(answers): one Batch ─▶ pieces, column by column

Every claim of a GPU costs seconds and the visitor's quota: all columns of one comparison make one.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import torch
from torch import nn

from data_gen.chat import Completion, Conversation, Delta, Sampling, Sent, Waiting
from janus_space.access import current_caller
from janus_space.engine import attention
from janus_space.engine.adapters import AdapterBank
from janus_space.engine.batch import Batch, Broken, Finished, Piece, Request
from janus_space.engine.process import EngineFailed
from trainer import chat_template
from trainer.model import adapter_folder, load_base
from trainer.model_spec import ModelSpec

_GATHER_SECONDS = 0.1
_CLAIM_SECONDS, _SECONDS_A_TOKEN, _MOST_SECONDS = 15, 0.05, 120

Event = Piece | Finished | Broken
Told = tuple[int, Event]
"""What happened to which of the questions."""


@dataclass(frozen=True)
class Question:
    """One column's prompt, as it travels to the process that has the GPU."""

    token_ids: list[int]
    sampling: Sampling
    adapter: str | None


@dataclass
class _Place:
    """A question that waits for its answer."""

    question: Question
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    is_given_up: bool = False


class ZeroGpu:
    """One base, and the adapter that the Space was made for. `spaces` is the package of that name."""

    def __init__(self, spaces: Any, model: str, models_dir: Path, say: Callable[[str], None] = lambda _: None) -> None:
        spec = ModelSpec.parse(model)
        loaded = load_base(ModelSpec.parse(spec.base), models_dir, "cpu", say, attn_implementation=attention.NAME)
        if torch.cuda.is_available():
            _to_gpu(loaded.model)
        self.base = spec.base
        self._tokenizer = loaded.tokenizer
        self._reads_at_most = int(loaded.model.config.get_text_config().max_position_embeddings)
        self._bank = AdapterBank()
        self._bank.attach(loaded.model)
        if spec.adapter is not None:
            self._bank.add(str(spec), adapter_folder(spec.adapter, say))
        self._gathered: dict[str, list[_Place]] = {}
        self._answers = spaces.GPU(_answering(loaded.model, loaded.tokenizer, self._bank), duration=gpu_seconds)

    def chat_model(self, spec: str, weights: ModelSpec) -> HeldModel | None:
        """Return the model that these weights name; None where they are not held here."""
        if weights.base != self.base or not (weights.adapter is None or str(weights) in self._bank.names):
            return None
        return HeldModel(spec, None if weights.adapter is None else str(weights), self)

    def question(self, conversation: Conversation, sampling: Sampling, adapter: str | None) -> tuple[Question, Sent]:
        """Render a conversation, before a GPU is claimed for it.

        Raises:
            EngineFailed: it is longer than the model reads
        """
        messages = [message.model_dump() for message in conversation.messages]
        rendered = chat_template.render(self._tokenizer, messages)
        room = self._reads_at_most - len(rendered.token_ids)
        if room < 1:
            raise EngineFailed(
                f"The conversation has {len(rendered.token_ids)} tokens; this model reads at most"
                f" {self._reads_at_most}. Shorten it."
            )
        sampling = sampling.model_copy(update={"max_new_tokens": min(sampling.max_new_tokens, room)})
        sent = Sent(text=rendered.text, system_role=rendered.system_role)
        return Question(rendered.token_ids, sampling, adapter), sent

    async def answer(self, question: Question) -> AsyncGenerator[Event, None]:
        """Answer a question, together with the others that the same caller asks at this moment."""
        caller, place = current_caller(), _Place(question)
        name = caller.name if caller is not None else ""
        if name not in self._gathered:
            self._gathered[name] = []
            # In this caller's context, by which `spaces` tells whose quota is used.
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._begin, name)
        self._gathered[name].append(place)
        try:
            while True:
                event = await place.events.get()
                yield event
                if not isinstance(event, Piece):
                    return
        finally:
            place.is_given_up = True

    def _begin(self, name: str) -> None:
        places = [place for place in self._gathered.pop(name) if not place.is_given_up]
        if places:
            loop = asyncio.get_running_loop()
            context = contextvars.copy_context()
            loop.run_in_executor(None, context.run, self._work, places, loop)

    def _work(self, places: list[_Place], loop: asyncio.AbstractEventLoop) -> None:
        """Claim a GPU and hand on what comes back, until all is answered or nobody waits; runs in a thread."""
        told: Iterator[list[Told]] | None = None
        try:
            told = self._answers([place.question for place in places])
            for events in told:
                for number, event in events:
                    loop.call_soon_threadsafe(places[number].events.put_nowait, event)
                if all(place.is_given_up for place in places):
                    break
        except Exception as error:  # noqa: BLE001 -- Gradio's errors, which no engine knows: no GPU is free, time is up
            for place in places:
                loop.call_soon_threadsafe(place.events.put_nowait, Broken(_sentence(error)))
        finally:
            if isinstance(told, Generator):
                told.close()  # which lets the GPU go


class HeldModel:
    """A model on the base that this process holds. `spec` is what it was asked for by."""

    def __init__(self, spec: str, adapter: str | None, gpu: ZeroGpu) -> None:
        self.spec = spec
        self._adapter, self._gpu = adapter, gpu

    async def stream(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[Waiting | Delta | Completion, None]:
        question, sent = self._gpu.question(conversation, sampling, self._adapter)
        yield Waiting(reason="Waiting for a GPU")
        text = ""
        async with aclosing(self._gpu.answer(question)) as events:
            async for event in events:
                if isinstance(event, Broken):
                    raise EngineFailed(event.message)
                if isinstance(event, Piece):
                    text += event.text
                    yield Delta(text=event.text)
                else:
                    yield Completion(
                        text=text,
                        finish_reason=event.finish_reason,
                        tokens=event.tokens,
                        prompt_tokens=len(question.token_ids),
                        timings=event.timings,
                        sent=sent,
                    )


def gpu_seconds(questions: list[Question]) -> int:
    """Estimate for how long a GPU is needed: what is asked for longer waits longer, and takes more of a quota."""
    longest = max(question.sampling.max_new_tokens for question in questions)
    return min(_MOST_SECONDS, round(_CLAIM_SECONDS + longest * _SECONDS_A_TOKEN))


def _to_gpu(model: nn.Module) -> None:
    """Move weights as `spaces` wants it: by `to`, in this thread alone. Buffers keep their precision."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    model.to("cuda")


def _answering(model: Any, tokenizer: Any, bank: AdapterBank) -> Callable[[list[Question]], Iterator[list[Told]]]:
    def answers(questions: list[Question]) -> Iterator[list[Told]]:
        """Answer all questions in one batch; give what each step has told, question by question."""
        told: list[Told] = []
        batch = Batch(model, tokenizer, bank)
        for number, one in enumerate(questions):
            batch.join(Request(one.token_ids, one.sampling, one.adapter, partial(_note, told, number)))
        while batch.size:
            batch.step()
            yield told.copy()
            told.clear()

    return answers


def _note(told: list[Told], number: int, event: Event) -> None:
    told.append((number, event))


def _sentence(error: Exception) -> str:
    """Say what went wrong as `spaces` puts it for people, without its HTML."""
    said = unescape(re.sub(r"<[^>]+>", "", str(getattr(error, "message", "") or type(error).__name__)))
    return f"The GPU that this Space shares could not answer: {said.strip().rstrip('.')}. Ask again later."
