"""The drawer takes its knobs from `Sampling`, and from nowhere else."""

from __future__ import annotations

import gradio as gr

from data_gen.chat import Sampling
from janus_space.ui.settings import build_settings


def test_every_knob_is_a_field_with_its_range_default_and_description() -> None:
    with gr.Blocks():
        view = build_settings(())
    fields = dict(zip(Sampling.model_fields, view.sampling, strict=True))
    assert {name: field.info for name, field in fields.items()} == {
        name: knob.description for name, knob in Sampling.model_fields.items()
    }
    assert (fields["temperature"].minimum, fields["temperature"].maximum, fields["temperature"].value) == (0, 2, 1)
    assert fields["top_p"].minimum > 0
    assert (fields["max_new_tokens"].step, fields["max_new_tokens"].maximum) == (1, 4096)
    assert fields["seed"].value == ""  # not 0: an empty seed draws anew
    assert view.key.type == "password"
