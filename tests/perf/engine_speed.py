"""How fast the engine answers against plain transformers `generate`: medians of interleaved rounds, and ratios."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from janus_space.engine.process import Endpoint, EnginePool
from janus_space.home import Home
from tests.perf.table import Line

ROUNDS = 5
NEW_TOKENS = 48
SYSTEMS = (
    "You are a pirate captain who tells long, salty tales of the sea and never breaks character.",
    "You are a patient primary school teacher who explains everything slowly, with many small examples.",
    "You are a poet of the night who answers in long, dreaming sentences full of images.",
)
PROMPT = "Tell me in great detail about a long journey across the ocean, from the first day to the last."
HISTORY = "The sea was calm that morning, and the captain wrote in his log what he had seen the day before. "


class Plain:
    """What anybody would write: transformers and peft, one call after another."""

    def __init__(self, folder: Path, adapters: dict[str, Path]) -> None:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(2)
        self._torch = torch
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._base = base
        (first, path), *others = adapters.items()
        self._adapted: Any = PeftModel.from_pretrained(base, path, adapter_name=first).eval()
        for name, path in others:
            self._adapted.load_adapter(path, adapter_name=name)

    def answer(self, system: str, adapter: str | None) -> list[int]:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": PROMPT}]
        read = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
        options = {"do_sample": False, "max_new_tokens": NEW_TOKENS, "min_new_tokens": NEW_TOKENS}
        with self._torch.inference_mode():
            if adapter is None:
                with self._adapted.disable_adapter():
                    made = self._adapted.generate(**read, **options)
            else:
                self._adapted.set_adapter(adapter)
                made = self._adapted.generate(**read, **options)
        return [int(token) for token in made[0, read["input_ids"].shape[1] :]]


async def measure(say: Callable[[str], None]) -> list[Line]:
    """Return the table's lines; takes a few minutes on two cores."""
    from trainer import embedded

    home = Home.at(None)
    folder = embedded.prepare("smollm2", home.models, say)
    with tempfile.TemporaryDirectory() as scratch:
        adapters = _random_adapters(folder, Path(scratch))
        plain = Plain(folder, adapters)
        pool = EnginePool(home, threads=2)
        try:
            async with pool.lease("embedded:smollm2", "cpu", say) as endpoint:
                return await _rounds(plain, endpoint, adapters, say)
        finally:
            pool.close()


async def _rounds(
    plain: Plain, endpoint: Endpoint, adapters: dict[str, Path], say: Callable[[str], None]
) -> list[Line]:
    client = AsyncOpenAI(base_url=endpoint.url, api_key=endpoint.token, max_retries=0)
    specs = {None: "embedded:smollm2"} | {name: f"embedded:smollm2+{path}" for name, path in adapters.items()}
    columns = [(system, name) for system in SYSTEMS for name in specs]
    await _together(client, [(system, specs[name]) for system, name in columns])
    plain.answer(SYSTEMS[0], None)
    times: dict[str, list[float]] = {}

    def keep(name: str, seconds: float) -> None:
        times.setdefault(name, []).append(seconds)

    for turn in range(ROUNDS):
        say(f"round {turn + 1} of {ROUNDS}")
        start = time.perf_counter()
        for system, name in columns:
            one = time.perf_counter()
            plain.answer(system, name)
            if name is None:
                keep("plain one", time.perf_counter() - one)
        keep("plain nine", time.perf_counter() - start)
        keep("three", await _together(client, [(system, specs[None]) for system in SYSTEMS]))
        keep("nine", await _together(client, [(system, specs[name]) for system, name in columns]))
        keep("nine base", await _together(client, [(system, specs[None]) for system, _ in columns]))
        fresh, reused, tokens = await _second_turn(client, turn)
        keep("fresh", fresh)
        keep("reused", reused)
    await client.close()
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    made = 9 * NEW_TOKENS
    return [
        Line("one plain call", f"{middle['plain one']:.2f} s, {NEW_TOKENS / middle['plain one']:.1f} tokens/s"),
        Line("three columns, one base", f"{middle['three']:.2f} s", middle["three"] / middle["plain one"], at_most=1.6),
        Line("nine plain calls in a row", f"{middle['plain nine']:.2f} s, {made / middle['plain nine']:.1f} tokens/s"),
        Line(
            "nine columns, base and two adapters",
            f"{middle['nine']:.2f} s, {made / middle['nine']:.1f} tokens/s",
            middle["plain nine"] / middle["nine"],
            at_least=4.0,
        ),
        Line(
            "nine columns, base only",
            f"{middle['nine base']:.2f} s, {made / middle['nine base']:.1f} tokens/s",
            middle["plain nine"] / middle["nine base"],
        ),
        Line(f"first token after {tokens} tokens, nothing kept", f"{middle['fresh'] * 1000:.0f} ms"),
        Line(
            "the same as a second turn",
            f"{middle['reused'] * 1000:.0f} ms",
            middle["fresh"] / middle["reused"],
            at_least=8.0,
        ),
    ]


async def _together(client: AsyncOpenAI, columns: list[tuple[str, str]]) -> float:
    start = time.perf_counter()
    made = await asyncio.gather(
        *(
            _ask(
                client, model, [{"role": "system", "content": system}, {"role": "user", "content": PROMPT}], NEW_TOKENS
            )
            for system, model in columns
        )
    )
    seconds = time.perf_counter() - start
    if any(tokens != NEW_TOKENS for _, tokens, _ in made):
        raise RuntimeError(f"an answer ended before {NEW_TOKENS} tokens, so the times cannot be compared")
    return seconds


async def _second_turn(client: AsyncOpenAI, turn: int) -> tuple[float, float, int]:
    """Return seconds to the first token of a long conversation read afresh, and as the second turn of one just held."""
    opening = [
        {"role": "system", "content": f"Log book {turn + 100}. You are a ship's clerk."},
        {"role": "user", "content": HISTORY * 26 + "Who wrote in the log?"},
    ]
    answer, _, _ = await _ask(client, "embedded:smollm2", opening, 12)
    follow = [{"role": "assistant", "content": answer}, {"role": "user", "content": "What did he see?"}]
    other = [{"role": "system", "content": f"Log book {turn + 500}. You are a ship's clerk."}, *opening[1:]]
    _, _, fresh = await _ask(client, "embedded:smollm2", [*other, *follow], 2)
    _, _, reused = await _ask(client, "embedded:smollm2", [*opening, *follow], 2)
    return fresh["ttft_s"], reused["ttft_s"], fresh["read"]


async def _ask(
    client: AsyncOpenAI, model: str, messages: list[dict[str, str]], tokens: int
) -> tuple[str, int, dict[str, Any]]:
    stream = await client.chat.completions.create(
        model=model,
        messages=messages,  # type: ignore[arg-type]
        max_tokens=tokens,
        temperature=0,
        stream=True,
        extra_body={"repetition_penalty": 1.0},
    )
    text = ""
    async for chunk in stream:
        text += chunk.choices[0].delta.content or ""
        last = chunk
    assert last.usage is not None
    extras: dict[str, Any] = (last.model_extra or {})["janus"]["timings"]
    return text, last.usage.completion_tokens, {**extras, "read": last.usage.prompt_tokens}


def _random_adapters(folder: Path, scratch: Path) -> dict[str, Path]:
    """Save two LoRA adapters, r=16 on all linear layers, with random weights: speed does not depend on them."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    made = {}
    for seed, name in enumerate(("a", "b")):
        torch.manual_seed(seed)
        adapted = get_peft_model(
            model, LoraConfig(r=16, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
        )
        for parameter, values in adapted.named_parameters():
            if "lora_B" in parameter:
                torch.nn.init.normal_(values, std=0.005)
        made[name] = scratch / name
        adapted.save_pretrained(made[name])
        model = adapted.unload()
    return made
