"""The command line: exit codes, and what goes where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.sample_rows import VOICES, sft_rows, write_jsonl
from trainer.__main__ import main


@pytest.fixture
def config(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> Path:
    return write(tmp_path, model=f"path:{tiny['mistral']}", dataset=str(collection))


def write(folder: Path, **options: Any) -> Path:
    values = {"method": "sft", "max_steps": 2, "device": "cpu", "roundtrip_prompts": 2} | options
    file = folder / "config.yaml"
    file.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items()))
    return file


def test_train_prints_one_list_and_nothing_else(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(config), "--out", str(tmp_path / "job"), "--json"]) == 0
    printed, said = capfd.readouterr()
    told = json.loads(printed)
    assert told[0]["state"] == "done"
    assert Path(told[0]["result"]) == tmp_path / "job" / "adapter"
    assert "36 rows to train on" in said
    assert json.loads((tmp_path / "job" / "exit.json").read_text()) == told[0]


def test_a_job_that_is_done_is_told_again(config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["train", str(config), "--out", str(tmp_path / "job")]) == 0
    assert "This run is done already" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"dataset": "nowhere.jsonl"}, "There is no dataset nowhere.jsonl"),
        ({"optim": "adamw_bnb_8bit"}, "optim: adamw_bnb_8bit runs on GPUs only"),
        ({"device": "cuda"}, "this machine has no GPU"),
        ({"method": "dpo", "dataset": "sft.jsonl"}, "dpo needs a column 'chosen'"),
        ({"max_length": 16}, "No row fits"),
        ({"nonsense": 1}, "nonsense: there is no such option"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_exit_code_2(
    tiny: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    options: dict[str, Any],
    named: str,
) -> None:
    import torch

    if "cuda" in str(options.get("device")) and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    write_jsonl(tmp_path / "sft.jsonl", sft_rows())
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path, **({"model": f"path:{tiny['mistral']}", "dataset": "sft.jsonl"} | options))
    assert main(["train", str(file), "--out", str(tmp_path / "job")]) == 2
    said = capfd.readouterr().err
    assert named in said
    assert "Traceback" not in said


def test_check_names_every_bad_row(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = write_jsonl(tmp_path / "rows.jsonl", [*sft_rows(), {"prompt": "Why?"}, {"output": "Because."}])
    file = write(tmp_path, model="path:unused", dataset=str(rows))
    assert main(["check", str(file), "--json"]) == 0
    printed, said = capfd.readouterr()
    assert json.loads(printed)[0]["rows"] == 36
    assert "Row 37 of rows.jsonl, column 'output', is missing" in said
    assert "Row 38 of rows.jsonl, column 'prompt', is missing" in said


def test_bad_rows_stop_the_run_or_are_left_out(
    tiny: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = write_jsonl(tmp_path / "rows.jsonl", [{"prompt": "Why?"}, *sft_rows()])
    model = f"path:{tiny['mistral']}"
    assert main(["train", str(write(tmp_path, model=model, dataset=str(rows))), "--out", str(tmp_path / "a")]) == 2
    assert "Row 1 of rows.jsonl" in capfd.readouterr().err
    skipping = write(tmp_path, model=model, dataset=str(rows), skip_bad_rows=True)
    assert main(["train", str(skipping), "--out", str(tmp_path / "b")]) == 0
    left_out = json.loads((tmp_path / "b" / "left_out.json").read_text())
    assert left_out["faults"] == [{"place": "Row 1 of rows.jsonl", "column": "output", "says": "is missing"}]


def test_xray_shows_who_speaks(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["xray", str(config), "--rows", "2", "--json"]) == 0
    printed, said = capfd.readouterr()
    assert len(json.loads(printed)) == 2
    assert "stands at the beginning of the user's turn" in said
    assert VOICES["pirate"][:12] in "".join(part.partition("m")[2] for part in said.split("\x1b["))


def test_merge_writes_a_model_of_its_own(config: Path, tiny: dict[str, Path], tmp_path: Path) -> None:
    assert main(["train", str(config), "--out", str(tmp_path / "job")]) == 0
    spec = f"path:{tiny['mistral']}+{tmp_path / 'job' / 'adapter'}"
    assert main(["merge", spec, "--out", str(tmp_path / "merged")]) == 0
    assert (tmp_path / "merged" / "model.safetensors").exists()
    assert main(["merge", f"path:{tiny['mistral']}", "--out", str(tmp_path / "again")]) == 2
