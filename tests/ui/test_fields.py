from __future__ import annotations

import gradio as gr

from janus_space.augment_order import AugmentJob
from janus_space.ui.fields import field_of, flags, given

FIELDS = AugmentJob.model_fields


def test_a_component_has_its_range_default_and_description_from_the_field() -> None:
    with gr.Blocks():
        sets = field_of("sets", FIELDS["sets"], "People")
        concurrency = field_of("concurrency", FIELDS["concurrency"], "At once")
        budget = field_of("budget_usd", FIELDS["budget_usd"], "Budget")
        pairs = field_of("pairs", FIELDS["pairs"], "Pairs")
        rubrics = field_of("rubrics", FIELDS["rubrics"], "Rubrics")
    assert (type(sets), sets.minimum, sets.maximum, sets.value) == (gr.Slider, 1, 20, 3)
    assert (type(concurrency), concurrency.minimum, concurrency.precision) == (gr.Number, 1, 0)
    assert (type(budget), budget.value) == (gr.Textbox, ""), "an empty gr.Number would be a budget of zero"
    assert (type(pairs), [value for _, value in pairs.choices]) == (gr.Dropdown, ["paper", "contrast", "none"])
    assert (type(rubrics), rubrics.value) == (gr.Checkbox, False)
    for name, component in (("sets", sets), ("budget_usd", budget), ("pairs", pairs), ("rubrics", rubrics)):
        assert component.info == FIELDS[name].description


def test_what_is_left_empty_is_left_to_the_default() -> None:
    names = ("sets", "budget_usd", "price_in", "rubrics")
    assert given(AugmentJob, names, [4.0, "", None, False]) == {"sets": 4, "rubrics": False}


def test_flags_are_those_that_differ_from_the_default() -> None:
    asked = {"sets": 3, "seed": 7, "rubrics": True, "drop_unsafe": False, "teacher": ("a", "b"), "budget_usd": "1.5"}
    words = flags(asked, AugmentJob)
    assert words == ["--seed", "7", "--rubrics", "--teacher", "a", "b", "--budget-usd", "1.5"]
