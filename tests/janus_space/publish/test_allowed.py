from __future__ import annotations

from pathlib import Path

import pytest

from janus_space.publish.allowed import ADAPTER, DATASET, WEIGHTS, chosen

NEVER = (
    "training_args.bin",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
    "adapter_model.bin",
    "pytorch_model.bin",
    "events.jsonl",
    "log.txt",
    "request.json",
    ".lock",
    ".env",
    "checkpoint-5/adapter_model.safetensors",
    "checkpoint-5/optimizer.pt",
    "modeling_evil.py",
)


@pytest.mark.parametrize("allowed", [ADAPTER, WEIGHTS])
def test_of_a_model_only_what_others_need_goes_and_the_rest_is_named(tmp_path: Path, allowed: tuple[str, ...]) -> None:
    weights = "adapter_model.safetensors" if allowed is ADAPTER else "model-00001-of-00002.safetensors"
    good = {weights, "tokenizer.json", "chat_template.jinja"}
    for name in (*NEVER, *good, "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "tokenizer_config.json").symlink_to("/etc/passwd")
    found = chosen(tmp_path, allowed)
    assert set(found.files) == good
    assert {one.path for one in found.skipped} == {*NEVER, "tokenizer_config.json"}
    why = dict(found.skipped)
    assert "run code" in why["training_args.bin"]
    assert why["tokenizer_config.json"] == "it is a link"


def test_of_a_dataset_rows_and_figures_go(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("train.jsonl", "data/train.parquet", "quality.md", "ledger.sqlite", "rows.pkl", ".rows"):
        (tmp_path / name).write_text("x")
    assert chosen(tmp_path, DATASET).files == ("data/train.parquet", "quality.md", "train.jsonl")
