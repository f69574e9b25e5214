"""Requests as the guard hands them on: for tests that trigger an event without a server in front of it."""

from __future__ import annotations

import gradio as gr
from starlette.requests import Request

from janus_space.access import Caller, Role
from janus_space.limits import Meter
from janus_space.open_pages import OpenPages
from janus_space.ui.guard import Visit, bring_in

OWNER = Caller(Role.OWNER, "owner", may_use_api=True)
VISITOR = Caller(Role.ANON, "visitor 203.0.113.9")


def request_of(caller: Caller = OWNER, meter: Meter | None = None) -> gr.Request:
    """Make the request of somebody who came in by the door."""
    scope = {"type": "http", "client": ("127.0.0.1", 5), "headers": [], "query_string": b""}
    return gr.Request(Request(bring_in(scope, Visit(caller, meter or Meter(), OpenPages()))))
