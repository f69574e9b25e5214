"""ZeroGPU, with a stand-in for the package `spaces` that lends as it does: by arguments, and by what is yielded."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from gradio_client import Client

from data_gen.chat import Conversation, Delta, Sampling
from janus_space.access import Caller, Role, asked_by
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.engine.process import EnginePool
from janus_space.engine.zero_gpu import HeldModel, Question, ZeroGpu, gpu_seconds
from janus_space.home import Home
from janus_space.models import LocalModel, Models
from janus_space.playground import Run, collect, compare
from tests.janus_space.engine.conftest import Tiny
from tests.running_app import running_app

GREEDY = Sampling(temperature=0.0, max_new_tokens=6)


@dataclass
class Claim:
    """One call of what `spaces.GPU` wraps."""

    questions: int
    seconds: int
    is_held: bool = True
    yields: int = 0


class Spaces:
    """What `spaces.GPU` does on ZeroGPU, but for the other process: all that crosses its border is pickled."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.fails: Exception | None = None

    def GPU(self, task: Callable[..., Iterator[Any]], *, duration: Callable[..., int]) -> Callable[..., Iterator[Any]]:
        def lent(*args: Any) -> Iterator[Any]:
            claim = Claim(len(args[0]), duration(*args))
            self.claims.append(claim)
            if self.fails is not None:
                claim.is_held = False
                raise self.fails
            try:
                for told in task(*pickle.loads(pickle.dumps(args))):
                    claim.yields += 1
                    yield pickle.loads(pickle.dumps(told))
            finally:
                claim.is_held = False

        return lent


@pytest.fixture
def spaces() -> Spaces:
    return Spaces()


@pytest.fixture
def models(spaces: Spaces, llama: Tiny, tmp_path: Path) -> Models:
    """A Space that was made for one adapter of a base."""
    home = Home.at(tmp_path)
    return Models(
        home, EnginePool(home), holder=ZeroGpu(spaces, f"path:{llama.folder}+{llama.adapters['a']}", home.models)
    )


def asked(*specs: str) -> Comparison:
    columns = tuple(Column(model=spec, system="You are kind.") for spec in specs)
    return Comparison(columns=columns, turns=(Turn(prompt="Who are you?"),), sampling=GREEDY)


async def answers(models: Models, comparison: Comparison) -> list[ColumnEvent]:
    return list(await collect(compare(comparison, lambda column: models.chat_model(column.model), Run())))


def test_all_columns_of_a_comparison_claim_one_gpu_and_answer_by_their_own_weights(
    models: Models, spaces: Spaces, llama: Tiny
) -> None:
    base = f"path:{llama.folder}"
    ended = asyncio.run(answers(models, asked(base, f"{base}+{llama.adapters['a']}", base)))
    assert [one.state for one in ended] == ["done"] * 3, [one.note for one in ended]
    (claim,) = spaces.claims
    assert (claim.questions, claim.is_held) == (3, False)
    assert claim.yields >= GREEDY.max_new_tokens
    assert ended[0].text == ended[2].text != ended[1].text
    completion = ended[1].completion
    assert completion is not None
    assert completion.sent is not None
    assert "You are kind." in completion.sent.text
    assert completion.timings is not None
    assert completion.tokens == GREEDY.max_new_tokens


def test_two_callers_make_two_claims(models: Models, spaces: Spaces, llama: Tiny) -> None:
    async def both() -> None:
        asking = []
        for name in ("one", "two"):
            with asked_by(Caller(Role.ANON, name)):
                asking.append(
                    asyncio.create_task(answers(models, asked(f"path:{llama.folder}", f"path:{llama.folder}")))
                )
        await asyncio.gather(*asking)

    asyncio.run(both())
    assert [claim.questions for claim in spaces.claims] == [2, 2]


def test_the_gpu_is_let_go_when_nobody_waits_any_more(models: Models, spaces: Spaces, llama: Tiny) -> None:
    async def leave_early() -> None:
        model = models.chat_model(f"path:{llama.folder}")
        stream = model.stream(Conversation.ask("Who are you?"), Sampling(temperature=0.0, max_new_tokens=1500))
        async with aclosing(stream) as arriving:  # type: ignore[type-var]
            async for event in arriving:
                if isinstance(event, Delta):
                    break
        while spaces.claims[0].is_held:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(leave_early(), 60))
    assert spaces.claims[0].yields < 1000


def test_what_spaces_says_is_told_as_a_sentence_without_its_html(models: Models, spaces: Spaces, llama: Tiny) -> None:
    error = RuntimeError()
    error.message = "You have used up your quota. <a href='x'>Sign in</a> &amp; get more"  # type: ignore[attr-defined]
    spaces.fails = error
    (ended,) = asyncio.run(answers(models, asked(f"path:{llama.folder}")))
    assert ended.state == "failed"
    assert "could not answer: You have used up your quota. Sign in & get more. Ask again later." in str(ended.note)


def test_too_long_a_conversation_claims_no_gpu(models: Models, spaces: Spaces, llama: Tiny) -> None:
    long = asked(f"path:{llama.folder}").model_copy(update={"turns": (Turn(prompt="sky blue " * 2000),)})
    (ended,) = asyncio.run(answers(models, long))
    assert "this model reads at most 2048" in str(ended.note)
    assert spaces.claims == []


def test_what_is_not_held_or_wants_another_device_goes_to_an_engine(models: Models, llama: Tiny) -> None:
    base = f"path:{llama.folder}"
    assert isinstance(models.chat_model(base), HeldModel)
    for spec, device in ((base, "cpu"), (f"{base}+{llama.adapters['b']}", "auto"), ("embedded:smollm2", "auto")):
        assert isinstance(models.chat_model(spec, device), LocalModel), (spec, device)


def test_longer_answers_claim_the_gpu_for_longer_and_never_for_more_than_there_is() -> None:
    lengths = [gpu_seconds([Question([1], Sampling(max_new_tokens=n), None)]) for n in (1, 256, 4096)]
    assert lengths == [15, 28, 120]


STAND_IN = """
import json, os, pathlib

def GPU(task, *, duration=None):
    def lent(*args):
        calls = pathlib.Path(os.environ["GPU_CALLS"])
        told = {"pid": os.getpid(), "questions": len(args[0]), "seconds": duration(*args)}
        with calls.open("a") as file:
            file.write(json.dumps(told) + "\\n")
        yield from task(*args)
    return lent
"""


def test_a_space_on_zero_gpu_answers_inside_gpu_and_starts_no_engine(llama: Tiny, tmp_path: Path) -> None:
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "__init__.py").write_text(STAND_IN)
    calls, spec = tmp_path / "calls.jsonl", f"path:{llama.folder}+{llama.adapters['a']}"
    environment = {"SPACES_ZERO_GPU": "true", "PYTHONPATH": str(tmp_path), "GPU_CALLS": str(calls)}
    with running_app(tmp_path / "home", environment=environment, model=spec) as app:
        rows = Client(app.url, verbose=False).predict(
            model=[spec], system=["Be brief.", None], prompt="Who?", max_new_tokens=4, api_name="/compare"
        )
        children = [" ".join(child.cmdline()) for child in psutil.Process(app.process.pid).children(recursive=True)]
    assert [row["tokens"] for row in rows] == [4, 4], rows
    told = [json.loads(line) for line in calls.read_text().splitlines()]
    assert told == [{"pid": app.process.pid, "questions": 2, "seconds": 15}]
    assert not [child for child in children if "janus_space.engine" in child]
