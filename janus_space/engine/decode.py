"""From logits to text: choose each row's next token, and turn tokens into text as they come."""

from __future__ import annotations

import secrets
from typing import Any

import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor

from data_gen.chat import Sampling
from janus_space.engine.form import Form

_LIKELY = 512


class Chooser:
    """Chooses one row's tokens. A seed makes the choice a function of the logits alone, whoever shares the batch.

    Order of the operations as in transformers' generate: repetition penalty, what the form allows, temperature, top-p.
    """

    def __init__(self, sampling: Sampling, prompt: list[int], device: torch.device, form: Form | None = None) -> None:
        self._sampling, self._form = sampling, form
        self._seen = torch.tensor(sorted(set(prompt)), device=device)
        self._random = torch.Generator().manual_seed(secrets.randbits(31) if sampling.seed is None else sampling.seed)

    def choose(self, logits: Tensor) -> int:
        """Return the next token of (vocabulary,) logits."""
        penalty = self._sampling.repetition_penalty
        if penalty != 1.0:
            scores = logits[self._seen]
            logits = logits.index_copy(0, self._seen, torch.where(scores < 0, scores * penalty, scores / penalty))
        if self._form is not None:
            logits = self._form.restrict(logits)
        token = int(logits.argmax()) if self._sampling.temperature == 0 else self._draw(logits)
        if penalty != 1.0:
            self._seen = torch.unique(torch.cat([self._seen, self._seen.new_tensor([token])]))
        if self._form is not None:
            self._form.take(token)
        return token

    def _draw(self, logits: Tensor) -> int:
        shares = torch.softmax(logits.float() / self._sampling.temperature, dim=-1)
        # The likeliest few hundred nearly always hold `top_p`; sorting the whole vocabulary costs ten times as much.
        for count in (min(_LIKELY, len(shares)), len(shares)):
            likely, tokens = torch.topk(shares, count)
            before = torch.cumsum(likely, dim=-1) - likely
            if float(before[-1] + likely[-1]) >= self._sampling.top_p:
                break
        kept = (likely * (before < self._sampling.top_p)).cpu()
        return int(tokens[int(torch.multinomial(kept, 1, generator=self._random))])


class TextStream:
    """Turns tokens into text piece by piece; holds back whatever may still become a stop text or half a character."""

    def __init__(self, tokenizer: Any, stop: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer.backend_tokenizer
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._stop = stop
        self._held = ""
        self.text = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """Return the text that is now certain, often empty."""
        self._held += self._decoder.step(self._tokenizer, token) or ""
        found = [place for text in self._stop if (place := self._held.find(text)) >= 0]
        if found:
            self.stopped = True
            return self._release(min(found))
        return self._release(len(self._held) - self._may_stop())

    def flush(self) -> str:
        """Return what was held back, at the end of the answer."""
        return "" if self.stopped else self._release(len(self._held))

    def _release(self, count: int) -> str:
        piece, self._held = self._held[:count], self._held[count:]
        self.text += piece
        return piece

    def _may_stop(self) -> int:
        for length in range(min(len(self._held), max((len(text) for text in self._stop), default=1) - 1), 0, -1):
            if any(text.startswith(self._held[-length:]) for text in self._stop):
                return length
        return 0
