"""Rows as a model will read them, asked of a real process over a tiny model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from janus_space.home import Home
from janus_space.xray import xray
from tests.tiny_models import tiny_mistral
from tests.trainer.sample_rows import VOICES, sft_rows, write_jsonl
from trainer.config import TrainConfig
from trainer.errors import BadDataset


def test_rows_come_back_token_by_token_and_a_reason_where_they_cannot(tmp_path: Path, janus_home: Path) -> None:
    config = TrainConfig.read(
        {
            "method": "sft",
            "model": f"path:{tiny_mistral(tmp_path / 'mistral')}",
            "dataset": str(write_jsonl(tmp_path / "rows.jsonl", sft_rows())),
        }
    )
    home = Home.at(janus_home)
    first, second = asyncio.run(xray(config, home))
    assert (first.place, second.place) == ("Row 1 of rows.jsonl", "Row 2 of rows.jsonl")
    assert first.surprise == "merged", "Mistral's template has no system role"
    (text,) = first.texts
    spoken = "".join(token.text for token in text.tokens if token.speaker == "system")
    assert spoken.strip() == VOICES["pirate"]
    assert any(token.is_trained for token in text.tokens)
    with pytest.raises(BadDataset, match="There is no dataset"):
        asyncio.run(xray(config.model_copy(update={"dataset": str(tmp_path / "none.jsonl")}), home))
