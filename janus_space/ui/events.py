"""The one way to register a listener: named, in the table of `access`, checked when it runs, failing in sentences."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, nullcontext
from html import escape
from typing import Any

import gradio as gr

from data_gen.errors import DataGenError
from janus_space import access
from janus_space.access import NOBODY, Caller
from janus_space.errors import SpaceError
from janus_space.limits import Meter
from janus_space.open_pages import OpenPages
from janus_space.ui.guard import Visit, visit_of
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


def guarded(fn: Callable[..., Any], event: str, *, is_verb: bool = False) -> Callable[..., Any]:
    """Check the caller before `fn` runs, and turn our own errors into messages on the page.

    What streams, and every verb, is an answer, of which a visitor has so many at once and a minute. A verb is a named
    endpoint, closed to whom the house's API is closed.
    """
    parameters = list(inspect.signature(fn).parameters)
    wants_request, wants_data = "request" in parameters, parameters[:1] == ["data"]

    async def call(request: gr.Request, *values: Any) -> Any:
        admitted = _admitted(request, event, is_answer=is_verb, is_verb=is_verb)
        with _errors_for_people(), admitted as caller, access.asked_by(caller):
            outcome = fn(*values, request=request) if wants_request else fn(*values)
            return await outcome if inspect.isawaitable(outcome) else outcome

    async def stream(request: gr.Request, *values: Any) -> AsyncIterator[Any]:
        with _errors_for_people(), _admitted(request, event, is_answer=True) as caller:
            async with aclosing(fn(*values, request=request) if wants_request else fn(*values)) as updates:
                while True:
                    # Gradio may resume a stream in another context each time: the caller is told anew at each step.
                    with access.asked_by(caller):
                        try:
                            update = await anext(updates)
                        except StopAsyncIteration:
                            return
                    yield update

    async def call_with_data(request: gr.Request, event: gr.EventData, *values: Any) -> Any:
        return await call(request, event._data or {}, *values)

    wrapper = stream if inspect.isasyncgenfunction(fn) else call_with_data if wants_data else call
    # Not functools.wraps: Gradio would follow `__wrapped__` to a signature without the request.
    wrapper.__name__, wrapper.__doc__ = event, fn.__doc__
    return wrapper


def caller_of(request: gr.Request) -> Caller:
    """Tell who triggers an event, for what the page shows them."""
    return visit_of(request.request.scope).caller if request.request else NOBODY


def _must_be_listed(event: str) -> None:
    if event not in access.EVENTS:
        raise LookupError(f"The event {event!r} is not in janus_space.access.EVENTS: say there who may trigger it.")


@contextmanager
def _admitted(request: gr.Request, event: str, *, is_answer: bool, is_verb: bool = False) -> Iterator[Caller]:
    """Refuse whoever may not trigger this event, or has had their share; count what the others use."""
    visit = visit_of(request.request.scope) if request.request else Visit(NOBODY, Meter(), OpenPages())
    caller = visit.caller
    if not access.may(caller.role, event) or (is_verb and not caller.may_use_api):
        raise gr.Error("You are not allowed to do this here.", title="Not allowed", print_exception=False)
    if not visit.pages.is_of(request.session_hash, caller):
        raise gr.Error("This page was opened from elsewhere: reload it.", title="Not your page", print_exception=False)
    if event.startswith("vote_"):
        visit.meter.count(caller, "votes")
    with visit.meter.answering(caller) if is_answer else nullcontext():
        yield caller


@contextmanager
def _errors_for_people() -> Iterator[None]:
    try:
        yield
    except (DataGenError, TrainerError, SpaceError) as error:
        # The toast renders HTML, and a sentence may quote what an endpoint said.
        raise gr.Error(escape(str(error)), title="That did not work", print_exception=False) from error
