"""The form and the config are one: what is shown for a preset is what a run with that preset is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui.train_form import FIELDS, KNOBS, MORE_KNOBS, TrainForm, shown_values
from trainer.config import TrainConfig
from trainer.errors import BadConfig
from trainer.presets import PRESETS


@pytest.fixture
def models(janus_home: Path) -> Models:
    home = Home.at(janus_home)
    return Models(home, EnginePool(home))


def filled(preset: str, **values: Any) -> TrainForm:
    shown = {**shown_values(preset), "dataset": "hf:me/rows", **values}
    return TrainForm.of_values(["", *(shown[name] for name in FIELDS)])


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_shown_for_a_preset_is_that_preset(preset: str, models: Models) -> None:
    wanted: dict[str, Any] = {"method": "sft", "model": "embedded:smollm2", "dataset": "hf:me/rows", "preset": preset}
    wanted = {name: value for name, value in wanted.items() if name not in PRESETS[preset]}
    expected = TrainConfig.read(wanted).model_copy(update={"preset": None})
    config = filled(preset).config(models)
    assert config == expected
    assert TrainConfig.read({**_yaml(config.to_yaml())}) == config


def _yaml(text: str) -> dict[str, Any]:
    import yaml

    found = yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


def test_at_most_twelve_knobs_are_in_sight_and_every_option_has_a_field() -> None:
    assert len(KNOBS) + 3 <= 12
    assert {*FIELDS} | {"preset", "machine_rank"} == {*TrainConfig.model_fields}
    assert not {*KNOBS} & {*MORE_KNOBS}


def test_fields_that_are_typed_are_read(models: Models) -> None:
    typed = {"columns": "output: answer, prompt: q", "target_modules": "q_proj, v_proj", "packing": "true"}
    config = filled("embedded-sft", **typed).config(models)
    assert config.columns == {"output": "answer", "prompt": "q"}
    assert config.target_modules == ("q_proj", "v_proj")
    assert config.packing is True


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"dataset": ""}, "Choose a dataset first"),
        ({"max_steps": "0"}, "max_steps: Input should be greater than or equal to 1"),
        ({"columns": "{["}, "columns: write our column and yours"),
        ({"model": "gpt-4"}, "model: 'gpt-4' names no model"),
    ],
)
def test_what_does_not_fit_is_told(models: Models, values: dict[str, str], told: str) -> None:
    with pytest.raises(BadConfig, match=told):
        filled("embedded-sft", **values).config(models)
