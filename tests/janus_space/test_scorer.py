from __future__ import annotations

import asyncio

import pytest

from data_gen.chat import Conversation
from janus_space.engine.process import EngineFailed
from janus_space.engine.scores import ScoreItem
from janus_space.errors import ScoringRefused, UnknownModel
from janus_space.home import Home
from janus_space.models import Models
from janus_space.scorer import Scorer
from tests.janus_space.conftest import Local


@pytest.mark.parametrize("spec", ["echo:", "openai:gpt-4o", "openai:m@http://127.0.0.1:9/v1"])
def test_a_model_without_log_probabilities_is_refused_before_anything_is_asked(local: Local, spec: str) -> None:
    with pytest.raises(ScoringRefused, match="choose a model that runs on this machine"):
        Scorer.of(local.models, spec)


def test_an_unknown_model_is_refused(local: Local) -> None:
    with pytest.raises(UnknownModel):
        Scorer.of(local.models, "nonsense")


def test_a_hosted_space_reads_no_folder(local: Local) -> None:
    hosted = Models(local.models.home, local.models.engines, hosted=True)
    with pytest.raises(UnknownModel, match="hosted Space"):
        Scorer.of(hosted, local.spec)


def test_it_scores_once_its_engine_is_ready(local: Local) -> None:
    async def ask() -> str:
        async with Scorer.of(local.models, f"  {local.spec} ", "cpu").ready(lambda _: None) as score:
            (one,) = await score([ScoreItem(Conversation.ask("Why?"), "Because.")])
        return "".join(one.tokens)

    assert asyncio.run(ask()) == "Because."


def test_it_says_why_it_waits_and_why_it_fails(local: Local, tmp_path: object) -> None:
    from janus_space.engine.process import EnginePool

    home = Home.at(str(tmp_path))
    pool = EnginePool(home, threads=1)
    heard: list[str] = []

    async def ask() -> None:
        async with Scorer.of(Models(home, pool), f"path:{tmp_path}", "cpu").ready(heard.append):
            pass

    with pytest.raises(EngineFailed, match=r"no config\.json"):
        asyncio.run(ask())
    pool.close()
    assert heard[0] == "Starting the engine"
