"""The one way to register a listener: named, in the table of `access`, checked when it runs, failing in sentences."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import gradio as gr

from data_gen.errors import DataGenError
from janus_space import access
from janus_space.errors import SpaceError
from trainer.errors import TrainerError


def listen(
    triggers: Any,
    event: str,
    fn: Callable[..., Any] | None,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
    *,
    js: str | None = None,
    validator: Callable[..., Any] | None = None,
    at_once: int = 16,
    in_turn: str = "",
    trigger_mode: str | None = None,
) -> Any:
    """Register `fn` under a name of `access.EVENTS`. Return the dependency, whose `.success` can be a trigger too.

    `triggers` is one, as `button.click`, or a list. A handler that wants the request declares a parameter of that
    name; one whose first parameter is `data` gets what the component sent along. `fn=None` runs `js` alone, in the
    browser.

    Gradio draws by lot which event's queue is served next. Events that change the same thing name a common `in_turn`:
    they are served one at a time, in the order in which they came.
    """
    _must_be_listed(event)
    register = functools.partial(gr.on, triggers) if isinstance(triggers, list) else triggers
    return register(
        None if fn is None else guarded(fn, event),
        inputs=list(inputs),
        outputs=list(outputs),
        js=js,
        validator=validator,
        api_name=event,
        api_visibility="private",
        show_progress="hidden",
        concurrency_limit=1 if in_turn else at_once,
        concurrency_id=in_turn or event,
        trigger_mode=trigger_mode,
    )


def guarded(fn: Callable[..., Any], event: str) -> Callable[..., Any]:
    """Check the caller's role before `fn` runs, and turn our own errors into messages on the page."""
    parameters = list(inspect.signature(fn).parameters)
    wants_request, wants_data = "request" in parameters, parameters[:1] == ["data"]

    async def call(request: gr.Request, *values: Any) -> Any:
        with _errors_for_people():
            _check_caller(request, event)
            outcome = fn(*values, request=request) if wants_request else fn(*values)
            return await outcome if inspect.isawaitable(outcome) else outcome

    async def stream(request: gr.Request, *values: Any) -> AsyncIterator[Any]:
        with _errors_for_people():
            _check_caller(request, event)
            async for update in fn(*values, request=request) if wants_request else fn(*values):
                yield update

    async def call_with_data(request: gr.Request, event: gr.EventData, *values: Any) -> Any:
        return await call(request, event._data or {}, *values)

    wrapper = stream if inspect.isasyncgenfunction(fn) else call_with_data if wants_data else call
    # Not functools.wraps: Gradio would follow `__wrapped__` to a signature without the request.
    wrapper.__name__, wrapper.__doc__ = event, fn.__doc__
    return wrapper


def _must_be_listed(event: str) -> None:
    if event not in access.EVENTS:
        raise LookupError(f"The event {event!r} is not in janus_space.access.EVENTS: say there who may trigger it.")


def _check_caller(request: gr.Request, event: str) -> None:
    client_host = request.client.host if request.client else None
    if not access.may(access.principal(client_host, os.environ.get("SPACE_ID")), event):
        raise gr.Error("You are not allowed to do this here.", title="Not allowed", print_exception=False)


@contextmanager
def _errors_for_people() -> Iterator[None]:
    try:
        yield
    except (DataGenError, TrainerError, SpaceError) as error:
        # The toast renders HTML, and a sentence may quote what an endpoint said.
        raise gr.Error(escape(str(error)), title="That did not work", print_exception=False) from error
