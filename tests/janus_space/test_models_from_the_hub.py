"""`hf:` specs for real: the engine's process fetches from a Hub server of the tests' own with the real client."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from data_gen.chat import Completion, Conversation, Sampling
from janus_space.engine.process import EngineFailed, EnginePool
from janus_space.home import Home
from janus_space.models import Models
from tests.hub import LocalHub
from tests.tiny_models import tiny_lora, tiny_mistral


def _ask(models: Models, spec: str) -> tuple[Completion, list[str]]:
    async def ask() -> tuple[Completion, list[str]]:
        kinds = []
        conversation = Conversation.ask("Why is the sky blue?", system="You are a pirate.")
        async for event in models.chat_model(spec, "cpu").stream(
            conversation, Sampling(temperature=0, max_new_tokens=5)
        ):
            kinds.append(type(event).__name__)
        assert isinstance(event, Completion)
        return event, kinds

    return asyncio.run(ask())


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(Home.at(tmp_path / "home"), EnginePool(Home.at(tmp_path / "home"), threads=1))


def test_janus_7b_answers_from_the_hub_with_the_system_message_folded_in(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_mistral(tmp_path / "base")
    adapter = tiny_lora(base, tmp_path / "adapter", seed=3)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with LocalHub() as hub:
        hub.add("kaist-ai/janus-7b", base)
        hub.add("someone/my-lora", adapter)
        for name, value in hub.environment(tmp_path / "hf").items():
            monkeypatch.setenv(name, value)
        try:
            plain, kinds = _ask(models, "hf:kaist-ai/janus-7b")
            adapted, _ = _ask(models, "hf:kaist-ai/janus-7b+someone/my-lora")
            with pytest.raises(EngineFailed, match="kaist-ai/nothing"):
                _ask(models, "hf:kaist-ai/nothing")
        finally:
            models.engines.close()  # type: ignore[attr-defined]
    assert kinds[0] == "Waiting"
    assert plain.sent is not None
    assert plain.sent.system_role == "folded"
    assert plain.sent.text == "<s>[INST] You are a pirate.\nWhy is the sky blue? [/INST]"
    assert adapted.text != plain.text
