"""Training tells nobody: no tracker is spoken to, nothing is pushed, and no request can change that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.running_app import ROOT
from tests.security.attacker import TRIED
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import dataset_folder
from trainer.config import TrainConfig

REPORTING = {
    "report_to": "all",
    "hub_token": "hf_SENTINEL",
    "push_to_hub": True,
    "hub_model_id": "a/b",
    "run_name": "x",
    "project": "x",
    "trackio_space_id": "a/b",
    "logging_dir": "/tmp/x",
    "deepspeed": "/tmp/x.json",
}
CLASSES = {"sft": "SFTConfig", "dpo": "DPOConfig", "orpo": "experimental.orpo.ORPOConfig", "reward": "RewardConfig"}
# Every address that is connected to, and every tracker that is imported, in a whole run.
WATCHED_RUN = """
import sys
told = []
def heard(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        told.append(str(arguments[1]))
    if event == "import" and arguments[0].partition(".")[0] in (
        "wandb", "trackio", "tensorboard", "tensorboardX", "mlflow", "comet_ml", "neptune", "clearml", "codecarbon",
        "dvclive", "swanlab"):
        told.append(arguments[0])
sys.addaudithook(heard)
from trainer.__main__ import main
assert main(sys.argv[1:]) == 0
sys.exit(", ".join(told) or 0)
"""


@pytest.mark.parametrize("name", REPORTING)
def test_no_request_can_name_anybody_to_tell(name: str) -> None:
    TRIED["report"] += 1
    with pytest.raises(ValidationError, match=name):
        TrainConfig.model_validate({"method": "sft", "model": "hf:a/b", "dataset": "x.jsonl", name: REPORTING[name]})


@pytest.mark.parametrize("method", CLASSES)
def test_the_trainers_report_to_nobody_and_push_nothing(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from operator import attrgetter

    import trl
    import trl.experimental.orpo
    from transformers.integrations import get_reporting_integration_callbacks

    from trainer.recipes.arguments import training_arguments

    for name in ("WANDB_API_KEY", "WANDB_PROJECT", "TRACKIO_SPACE_ID", "MLFLOW_TRACKING_URI", "COMET_API_KEY"):
        monkeypatch.setenv(name, "SENTINEL")
    config = TrainConfig.read({"method": method, "model": "hf:a/b", "dataset": "x.jsonl", "device": "cpu"})
    given = {name: value for name, value in training_arguments(config, str(tmp_path)).items() if value is not None}
    arguments = attrgetter(CLASSES[method])(trl)(**given | {"bf16": False})
    TRIED["report"] += 1
    assert arguments.report_to == []
    assert get_reporting_integration_callbacks(arguments.report_to) == []
    assert (arguments.push_to_hub, arguments.hub_token) == (False, None)


@pytest.mark.proof
@pytest.mark.parametrize("method", CLASSES)
def test_a_whole_run_speaks_to_nobody(method: str, tmp_path: Path) -> None:
    model, rows = tiny_llama(tmp_path / "model"), dataset_folder(tmp_path / "rows")
    config = {"method": method, "model": f"path:{model}", "dataset": str(rows), "max_steps": 2, "device": "cpu"}
    file = tmp_path / "run.yaml"
    file.write_text(TrainConfig.read(config).to_yaml(), "utf-8")
    command = [sys.executable, "-c", WATCHED_RUN, "train", str(file), "--out", str(tmp_path / "job")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    TRIED["report"] += 1
    assert run.returncode == 0, run.stderr[-2000:]
