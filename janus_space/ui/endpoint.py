"""The verbs as named endpoints: the same requests and the same rows as on the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr
from pydantic.fields import FieldInfo

from janus_space.models import Models
from janus_space.ui.events import guarded
from janus_space.verbs import VERBS, Verb


def build_endpoints(models: Models) -> None:
    """Give every verb an endpoint of its name, with its request's fields as parameters."""
    for verb in VERBS.values():
        gr.api(
            _endpoint(verb, models),
            api_name=verb.name,
            api_description=verb.summary,
            concurrency_limit=16,
            concurrency_id=verb.name,
        )


def _endpoint(verb: Verb, models: Models) -> Callable[..., Any]:
    fields = dict(sorted(verb.request.model_fields.items(), key=lambda item: not item[1].is_required()))

    async def call(*values: Any) -> list[dict[str, Any]]:
        request = verb.read(**dict(zip(fields, values, strict=True)))
        return [dict(row) for row in await verb.run(request, models, None)]

    endpoint = guarded(call, verb.name, is_verb=True)
    # Gradio reads the parameters of an endpoint off its signature; the first one it fills in itself.
    signature = inspect.Signature(
        [
            _parameter("request", gr.Request),
            *(_parameter(name, field.annotation, field) for name, field in fields.items()),
        ],
        return_annotation=list[dict[str, Any]],
    )
    endpoint.__signature__ = signature  # type: ignore[attr-defined]
    endpoint.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return endpoint


def _parameter(name: str, annotation: Any, field: FieldInfo | None = None) -> inspect.Parameter:
    default = inspect.Parameter.empty if field is None or field.is_required() else field.get_default()
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
