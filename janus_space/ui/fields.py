"""Components made of a request's fields: a knob's range, default and description have no other home than its field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import gradio as gr
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ON_OFF = [("On", "true"), ("Off", "false")]
_MOST_STEPS = 100
"""Whole numbers with more choices than this are typed, not slid."""


def field_of(name: str, field: FieldInfo, label: str, **options: Any) -> Any:
    """Make the component by which a person sets one field."""
    kinds = {field.annotation, *get_args(field.annotation)}
    common = {"label": label, "elem_id": f"field-{name.replace('_', '-')}", **options}
    if field.annotation is bool:
        return gr.Checkbox(field.default, info=field.description, **common)
    if bool in kinds:
        return gr.Dropdown([("Choose for me", ""), *ON_OFF], value="", info=field.description, **common)
    if get_origin(field.annotation) is Literal:
        return gr.Dropdown(list(get_args(field.annotation)), value=field.default, info=field.description, **common)
    # Gradio's number turns an empty value into 0, so a number that may be missing is typed as text.
    if kinds & {int, float} and field.default is not None:
        return _number(field, is_whole=int in kinds, common=common)
    return gr.Textbox(field.default or "", info=field.description, **common)


def given(model: type[BaseModel], names: Iterable[str], values: Sequence[Any]) -> dict[str, Any]:
    """Read the components of these fields; what was left empty is left to the field's default."""
    told = dict(zip(names, values, strict=True))
    return {name: _plain(model.model_fields[name], value) for name, value in told.items() if value not in (None, "")}


def flags(values: Mapping[str, Any], model: type[BaseModel]) -> list[str]:
    """Write fields as the command line takes them, without those that stand at their default."""
    words: list[str] = []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if value == model.model_fields[name].default:
            continue
        if isinstance(value, bool):
            words += [flag]
        else:
            words += [flag, *map(str, value if isinstance(value, tuple) else [value])]
    return words


def _number(field: FieldInfo, *, is_whole: bool, common: Mapping[str, Any]) -> Any:
    bounds = {name: getattr(one, name) for one in field.metadata for name in ("ge", "le") if hasattr(one, name)}
    low, high = bounds.get("ge"), bounds.get("le")
    if is_whole and low is not None and high is not None and high - low < _MOST_STEPS:
        return gr.Slider(low, high, value=field.default, step=1, info=field.description, **common)
    return gr.Number(
        field.default, precision=0 if is_whole else None, minimum=low, maximum=high, info=field.description, **common
    )


def _plain(field: FieldInfo, value: Any) -> Any:
    """A slider of whole numbers gives 3.0 in some browsers; the command shows what a person would type."""
    is_whole = int in {field.annotation, *get_args(field.annotation)} and field.annotation is not bool
    return int(value) if is_whole and isinstance(value, float) and value.is_integer() else value
