"""What a run tells when it breaks off, and what it measures on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.sample_rows import sft_rows, write_jsonl
from trainer.__main__ import run_train
from trainer.config import TrainConfig
from trainer.errors import OutOfMemory, TrainingFailed


def config(tiny: dict[str, Path], dataset: Path, **options: Any) -> TrainConfig:
    given = {"method": "sft", "model": f"path:{tiny['llama']}", "dataset": str(dataset), "max_steps": 2}
    return TrainConfig.read(given | {"device": "cpu", "roundtrip_prompts": 0} | options)


def events(out: Path, kind: str) -> list[dict[str, Any]]:
    told = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    return [event for event in told if event["event"] == kind]


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        (
            {"per_device_train_batch_size": 8},
            {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2},
        ),
        ({"per_device_train_batch_size": 1}, {"activation_checkpointing": True}),
        (
            {"per_device_train_batch_size": 1, "activation_checkpointing": True, "tuning": "full"},
            {"tuning": "lora"},
        ),
    ],
)
def test_too_little_memory_is_one_sentence_with_a_cure(
    tiny: dict[str, Path],
    collection: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    cure: dict[str, Any],
) -> None:
    def allocate(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("trl.SFTTrainer.training_step", allocate)
    with pytest.raises(OutOfMemory, match=f"try {next(iter(cure))}: "):
        run_train(config(tiny, collection, **options), tmp_path / "job")
    end = json.loads((tmp_path / "job" / "exit.json").read_text())
    assert (end["state"], end["kind"], end["cure"]) == ("failed", "OutOfMemory", cure)


def test_a_loss_that_is_no_number_stops_the_run(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    wild = config(tiny, collection, learning_rate=1e30, max_grad_norm=1e30, max_steps=20, warmup_steps=0, optim="sgd")
    with pytest.raises(TrainingFailed, match="The loss is no number any more at step"):
        run_train(wild, tmp_path / "job")


def test_it_measures_on_the_eval_dataset_and_on_trained_rows_only_without_one(
    tiny: dict[str, Path], collection: Path, tmp_path: Path
) -> None:
    other = write_jsonl(tmp_path / "other.jsonl", sft_rows()[:9])
    run_train(config(tiny, collection, eval_dataset=str(other)), tmp_path / "a")
    run_train(config(tiny, collection), tmp_path / "b")
    measured = [events(tmp_path / name, "steerability") for name in "ab"]
    assert [event["step"] for event in measured[0]] == [0, 1, 2]
    assert [(told[0]["is_held_out"], told[0]["n"]) for told in measured] == [(True, 9), (False, 6)]
    assert events(tmp_path / "a", "data")[0]["rows"] == 36


def test_a_request_means_the_same_from_any_folder_and_its_copy_names_no_folder(
    tiny: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "rows.jsonl", sft_rows())
    monkeypatch.chdir(tmp_path)
    run_train(config(tiny, Path("rows.jsonl")), Path("job"))
    request = json.loads((tmp_path / "job" / "request.json").read_text())
    assert request["dataset"] == str(tmp_path / "rows.jsonl")
    copy = (tmp_path / "job" / "adapter" / "train_request.json").read_text()
    assert json.loads(copy)["dataset"] == "rows.jsonl"
    assert str(tmp_path) not in copy
    assert str(tiny["llama"].parent) not in copy
