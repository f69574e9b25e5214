"""The real embedded model, a few steps: what four lines of YAML give a person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.__main__ import main

MINI = Path(__file__).parents[2] / "assets" / "multifaceted_mini" / "train.jsonl"


@pytest.mark.real_model
def test_a_few_steps_of_the_embedded_model(
    embedded_models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").symlink_to(embedded_models_dir)
    monkeypatch.setenv("JANUS_HOME", str(tmp_path))
    rows = [json.loads(line) for line in MINI.read_text("utf-8").splitlines()[:2]]
    short = [row | {"system": row["system"][:200], "output": row["output"][:100]} for row in rows]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in short), "utf-8")
    config = tmp_path / "config.yaml"
    config.write_text(
        f"method: sft\nmodel: embedded:smollm2\ndataset: {tmp_path / 'rows.jsonl'}\nmax_steps: 2\n"
        "max_length: 256\nper_device_train_batch_size: 2\nlearning_rate: 1.0e-3\nwarmup_steps: 0\n"
        "roundtrip_prompts: 1\nsteerability_steps: 0\n"
    )
    out = tmp_path / "job"
    assert main(["train", str(config), "--out", str(out)]) == 0
    told = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in told if event["event"] == "step"]
    assert losses[-1] < losses[0] < 5
    assert json.loads((out / "roundtrip.json").read_text())["is_same"]
    adapter = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
