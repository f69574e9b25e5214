"""What data_gen writes is what the trainer reads, and what was trained is what the engine says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from data_gen.augment import Grown
from data_gen.chat import Conversation, Message
from data_gen.export import describe, write_tables
from janus_space.engine.process import EnginePool
from janus_space.engine.scores import ScoreItem, TokenScores, score
from janus_space.home import Home
from tests.sample_records import siblings
from trainer.__main__ import run_train
from trainer.config import DataOptions, Method, TrainConfig
from trainer.data import read_dataset


@pytest.mark.parametrize(("method", "answers"), [("sft", 1), ("dpo", 2), ("orpo", 2), ("reward", 2)])
def test_a_folder_that_data_gen_exports_is_read_whole(tmp_path: Path, method: Method, answers: int) -> None:
    folder = tmp_path / "dataset"
    folder.mkdir()
    grown = [Grown(record, ()) for name in "abc" for record in siblings(name)]
    counts = write_tables(folder, grown, [], "all", seed=0, has_bench=False)
    describe(folder, counts, {"instructions": 3, "sets": 3, "teacher": ["echo:"], "unfinished": 0})
    for table in (None, ".parquet"):  # the same rows, whichever file is left
        if table:
            for file in folder.glob("*.jsonl"):
                file.unlink()
        found = read_dataset(str(folder), method, DataOptions(dataset=str(folder)))
        assert found.faults == []
        assert len(found.rows) == counts.rows["sft" if answers == 1 else "pairs"]
        assert {len(row.answers) for row in found.rows} == {answers}
        assert all(row.system for row in found.rows)


@pytest.mark.parametrize(("name", "method"), [("mistral", "sft"), ("gemma", "dpo")])
def test_the_engine_gives_the_scores_that_the_trainer_had(
    tiny: dict[str, Path], collection: Path, tmp_path: Path, name: str, method: str
) -> None:
    out = tmp_path / "job"
    base = f"path:{tiny[name]}"
    values = {"method": method, "model": base, "dataset": str(collection), "device": "cpu", "roundtrip_prompts": 5}
    run_train(TrainConfig.read(values | {"max_steps": 6, "learning_rate": 5e-3}), out)
    stored = json.loads((out / "roundtrip.json").read_text())["stored"]
    items = [
        ScoreItem(Conversation(messages=tuple(Message(**one) for one in told["messages"])), told["answer"])
        for told in stored
    ]

    async def asked(spec: str) -> list[TokenScores]:
        async with pool.lease(base, "cpu", lambda _: None) as engine:
            return await score(engine, spec, items)

    pool = EnginePool(Home.at(tmp_path / "home"), threads=1)
    try:
        trained = asyncio.run(asked(f"{base}+{out / 'adapter'}"))
        untrained = asyncio.run(asked(base))
    finally:
        pool.close()
    expected = [told["score"] for told in stored]
    assert [one.mean for one in trained] == pytest.approx(expected, abs=1e-4)
    assert [one.mean for one in untrained] != pytest.approx(expected, abs=1e-2)
