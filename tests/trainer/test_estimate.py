from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.trainer.sample_rows import sft_rows, write_jsonl
from trainer.config import TrainConfig
from trainer.defaults import settle
from trainer.errors import TrainerError
from trainer.estimate import estimate


def config(model: Path, dataset: Path, **options: Any) -> TrainConfig:
    given = {"method": "sft", "model": f"path:{model}", "dataset": str(dataset), "device": "cpu"}
    return settle(TrainConfig.read(given | options)).config


@pytest.fixture(scope="module")
def long_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [row | {"output": f"{row['output']} " * (20 + 20 * (number % 3))} for number, row in enumerate(sft_rows())]
    return write_jsonl(tmp_path_factory.mktemp("rows") / "rows.jsonl", rows)


@pytest.mark.proof
def test_what_does_not_fit_comes_with_what_would(tiny: dict[str, Path], long_rows: Path, tmp_path: Path) -> None:
    asked = config(tiny["llama"], long_rows, max_length=1900, per_device_train_batch_size=36, num_train_epochs=3)
    found = estimate(asked, tmp_path)
    assert found.asked.fits
    assert found.cure == {}
    assert found.asked.steps == 3
    assert found.asked.hours == pytest.approx(found.asked.seconds_a_step * 3 / 3600, abs=1e-3)
    assert "A minute or less: 3 steps of" in found.sentence
    peak = found.asked.peak_memory_gib
    assert peak is not None

    tight = estimate(asked, tmp_path, memory_gib=peak * 0.8)
    assert not tight.asked.fits
    assert tight.cure == {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 36}
    assert tight.cured is not None
    assert tight.cured.peak_memory_gib is not None
    assert tight.cured.peak_memory_gib < peak * 0.8
    assert "with per_device_train_batch_size: 1, gradient_accumulation_steps: 36 it does" in tight.sentence


def test_what_cannot_start_is_said(tiny: dict[str, Path], tmp_path: Path) -> None:
    rows = write_jsonl(tmp_path / "rows.jsonl", [{"prompt": "Why?", "output": None}, *sft_rows()])
    with pytest.raises(TrainerError, match=r"Row 1 of rows.jsonl, column 'output', is missing"):
        estimate(config(tiny["llama"], rows), tmp_path)
