from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.config import TrainConfig
from trainer.errors import BadConfig
from trainer.presets import PRESETS

FOUR_LINES = "method: sft\nmodel: embedded:smollm2\ndataset: records.jsonl\nmax_steps: 30\n"


def load(tmp_path: Path, text: str) -> TrainConfig:
    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8")
    return TrainConfig.load(file)


def test_four_lines_are_enough(tmp_path: Path) -> None:
    config = load(tmp_path, FOUR_LINES)
    assert (config.method, config.model, config.max_steps) == ("sft", "embedded:smollm2", 30)
    assert config.tuning == "lora"


def test_what_is_written_is_read_as_the_same(tmp_path: Path) -> None:
    config = load(tmp_path, FOUR_LINES + "learning_rate: 3.0e-4\ntarget_modules: [q_proj, v_proj]\n")
    assert load(tmp_path, config.to_yaml()) == config
    assert config.to_yaml().splitlines()[:2] == ["method: sft", "model: embedded:smollm2"]


@pytest.mark.parametrize("name", PRESETS)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_what_is_written_beside_a_preset_is_read_as_the_same(name: str, data: st.DataObject) -> None:
    """Also where a value goes back from the preset's to the default, or leaves a knob open that the preset sets."""
    defaults = {name: field.default for name, field in TrainConfig.model_fields.items() if not field.is_required()}
    changed = data.draw(st.sets(st.sampled_from(sorted(defaults.keys() - {"preset"}))))
    required = {"method": "sft", "model": "hf:org/name", "dataset": "Zeilen: é\n.jsonl"}
    config = TrainConfig.read({"preset": name, **required, **{one: defaults[one] for one in changed}})
    assert TrainConfig.read(yaml.safe_load(config.to_yaml())) == config


def test_a_preset_that_is_not_changed_is_written_by_its_name_alone() -> None:
    config = TrainConfig.read({"preset": "embedded-sft", "dataset": "rows.jsonl", "max_steps": 7})
    assert yaml.safe_load(config.to_yaml()) == {
        "preset": "embedded-sft",
        "method": "sft",
        "model": "embedded:smollm2",
        "dataset": "rows.jsonl",
        "max_steps": 7,
    }


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("learnig_rate: 1.0e-4", "learnig_rate: there is no such option"),
        ("learning_rate: -1", "learning_rate: "),
        ("method: ppo", "method: "),
        ("model: 'no model'", "model: "),
        ("target_modules: [lm_head]", "target_modules: lm_head"),
        ("save_total_limit: 1", "save_total_limit: "),
        ("num_processes: 3\nnum_machines: 2", "3 processes cannot be shared evenly by 2 machines"),
        ("preset: janus-9b", "there is no 'janus-9b'"),
        ("device: 'cpu; rm -rf /'", "device: "),
        ("model: embedded:smollm2+./sft\ntuning: qlora", "qlora cannot start from an adapter"),
        ("sft_weight: 0.5", "sft_weight is an option of dpo: leave it out for sft"),
        ("method: dpo\nsft_weight: -1", "sft_weight: "),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, line: str, named: str) -> None:
    names = {one.partition(":")[0] for one in line.splitlines()}
    kept = "".join(f"{one}\n" for one in FOUR_LINES.splitlines() if one.partition(":")[0] not in names)
    with pytest.raises(BadConfig, match=r"config\.yaml: ") as refused:
        load(tmp_path, kept + line + "\n")
    assert named in str(refused.value)


@pytest.mark.parametrize("text", ["- a list", "method: [sft", "!!python/object/apply:os.system ['true']"])
def test_what_is_no_yaml_of_options_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfig):
        load(tmp_path, text)


def test_a_preset_gives_way_to_what_is_written_beside_it() -> None:
    config = TrainConfig.read({"preset": "embedded-sft", "dataset": "rows.jsonl", "r": 4})
    assert (config.r, config.learning_rate, config.model) == (4, 2e-4, "embedded:smollm2")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_config(name: str) -> None:
    values = {"model": "hf:org/name", "method": "sft", **PRESETS[name]}
    assert TrainConfig.read({"preset": name, "dataset": "rows.jsonl", **values}).preset == name


def test_the_papers_numbers() -> None:
    sft, dpo, orpo = (PRESETS[f"janus-{method}-7b"] for method in ("sft", "dpo", "orpo"))
    assert (sft["learning_rate"], dpo["learning_rate"], orpo["learning_rate"]) == (5e-6, 5e-7, 5e-6)
    assert (sft["num_train_epochs"], dpo["num_train_epochs"], orpo["num_train_epochs"]) == (4, 2, 2)
    assert (sft["max_length"], dpo["max_length"], orpo["max_length"]) == (8192, 2048, 4096)
    assert [TrainConfig.read({"dataset": "d", "model": "hf:a/b", **one}).sft_weight for one in (sft, dpo, orpo)] == [
        0
    ] * 3
    rows_a_step = [
        one["per_device_train_batch_size"] * one["gradient_accumulation_steps"] * one["num_processes"]
        for one in (sft, dpo, orpo, PRESETS["janus-rm-7b-stage-1"])
    ]
    assert rows_a_step == [32, 16, 16, 128]
