"""A batch over a tiny model, and what plain transformers and peft say about the same model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from data_gen.chat import Sampling
from janus_space.engine import attention
from janus_space.engine.adapters import AdapterBank
from janus_space.engine.batch import Batch, Broken, Finished, Piece, Request

GREEDY = Sampling(temperature=0, repetition_penalty=1.0, max_new_tokens=12)


@dataclass
class Heard:
    """What one request has been told so far."""

    request: Request
    pieces: list[str] = field(default_factory=list)
    end: Finished | Broken | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class TinyBatch:
    """A batch whose steps the test takes itself."""

    def __init__(self, folder: Path, adapters: dict[str, Path] | None = None, **options: Any) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation=attention.NAME
        ).eval()
        self.bank = AdapterBank()
        self.bank.attach(self.model)
        for name, path in (adapters or {}).items():
            self.bank.add(name, path)
        self.batch = Batch(self.model, self.tokenizer, self.bank, **options)
        # A random model ends its answers at random; these tests want their length fixed.
        self.batch.ends = frozenset()

    def ask(self, tokens: list[int], adapter: str | None = None, sampling: Sampling = GREEDY) -> Heard:
        heard = Heard(None)  # type: ignore[arg-type]

        def report(event: Piece | Finished | Broken) -> None:
            if isinstance(event, Piece):
                heard.pieces.append(event.text)
            else:
                heard.end = event

        heard.request = Request(tokens, sampling, adapter, report)
        self.batch.join(heard.request)
        return heard

    def finish(self, most: int = 500) -> None:
        """Step until nobody is left."""
        for _ in range(most):
            if not self.batch.size:
                return
            self.batch.step()
        raise AssertionError(f"the batch is not empty after {most} steps")

    def answer(self, tokens: list[int], adapter: str | None = None, sampling: Sampling = GREEDY) -> str:
        heard = self.ask(tokens, adapter, sampling)
        self.finish()
        return heard.text


class PlainModel:
    """The same model and adapters as transformers and peft run them."""

    def __init__(self, folder: Path, adapters: dict[str, Path] | None = None) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.has_adapters = bool(adapters)
        if adapters:
            from peft import PeftModel

            (first, path), *others = adapters.items()
            self.model = PeftModel.from_pretrained(self.model, path, adapter_name=first).eval()
            for name, other in others:
                self.model.load_adapter(other, adapter_name=name)

    def answer(self, tokens: list[int], adapter: str | None = None, **options: Any) -> str:
        read = torch.tensor([tokens])
        options = {"do_sample": False, "max_new_tokens": 12, "min_new_tokens": 12, **options}
        with torch.inference_mode(), self._using(adapter):
            made = self.model.generate(input_ids=read, attention_mask=torch.ones_like(read), **options)
        text = self.tokenizer.decode(made[0, len(tokens) :], skip_special_tokens=True)
        return text.rstrip("\ufffd")  # half a character at the very end, which the batch never shows

    def logprobs(self, tokens: list[int], answer: list[int], adapter: str | None = None) -> list[float]:
        with torch.inference_mode(), self._using(adapter):
            logits = self.model(input_ids=torch.tensor([tokens + answer])).logits[0]
        shares = torch.log_softmax(logits[len(tokens) - 1 : -1].float(), dim=-1)
        return [float(shares[place, token]) for place, token in enumerate(answer)]

    def _using(self, adapter: str | None) -> Any:
        import contextlib

        if not self.has_adapters:
            return contextlib.nullcontext()
        if adapter is None:
            return self.model.disable_adapter()
        self.model.set_adapter(adapter)
        return contextlib.nullcontext()
