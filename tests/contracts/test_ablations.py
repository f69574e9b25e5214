"""The ablations: every config and every command in assets/ablations can be carried out, and varies what it says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from janus_space.bench_order import BenchOrder
from janus_space.benchmarks.table import ordered
from janus_space.cli import _parser
from janus_space.training import TrainOrder, check_dataset, load_config
from tests.contracts.tree import ROOT
from trainer.config import TrainConfig

FOLDER = ROOT / "assets" / "ablations"
FILES = sorted(FOLDER.glob("*/*.yaml"))
VARIED = {
    "messages-1": {"system_messages_per_instruction": 1},
    "messages-2": {"system_messages_per_instruction": 2},
    "messages-3": {},
    "plain-input": {"multifaceted_input": False},
    "plain-output": {"multifaceted_output": False},
    "plain-both": {"multifaceted_input": False, "multifaceted_output": False},
    "base-llama-2-7b": {"model": "hf:meta-llama/Llama-2-7b-hf"},
    "base-llama-2-13b": {"model": "hf:meta-llama/Llama-2-13b-hf"},
    "base-llama-3-8b": {"model": "hf:meta-llama/Meta-Llama-3-8B"},
}


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def commands(path: Path) -> list[BaseModel]:
    """Read the commands above a config as the command line does."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("#   janus "):
            fields: dict[str, Any] = vars(_parser().parse_args(shlex.split(line)[2:]))
            verb = fields.pop("verb")
            found.append(
                verb.read(**{key: value for key, value in fields.items() if key not in ("command", "as_json")})
            )
    return found


def config(path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    monkeypatch.chdir(ROOT)
    return load_config(path)


def test_every_row_is_there() -> None:
    assert {path.stem for path in FILES if path.parent.name == "paper"} == VARIED.keys()
    bases = {one for one in VARIED if one.startswith("base-")}
    assert {path.stem for path in FILES if path.parent.name == "embedded"} == VARIED.keys() - bases
    told = (FOLDER / "README.md").read_text("utf-8")
    assert not [one for one in VARIED if f"`{one}`" not in told]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_config_can_be_trained_and_varies_what_its_name_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = config(path, monkeypatch)
    check_dataset(found)
    whole = config(path.with_name("messages-3.yaml"), monkeypatch)
    assert found == whole.model_copy(update=VARIED[path.stem])
    assert whole.system_messages_per_instruction == 3


@pytest.mark.parametrize("path", FILES, ids=name)
def test_its_commands_train_it_and_measure_it_with_and_without_messages(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    train, *benches = commands(path)
    assert isinstance(train, TrainOrder)
    assert train.config.absolute() == path
    assert train.out == Path(path.stem)
    systems = []
    for order in benches:
        assert isinstance(order, BenchOrder)
        ordered(order)
        assert order.model == (f"job:{path.stem}",)
        systems += [order.system] if order.bench == "multifaceted" else []
    assert systems == ["own", "none"]
    assert len({order.out for order in benches if isinstance(order, BenchOrder)}) == len(benches)
