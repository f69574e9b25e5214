"""Who is looking at the page: what their account is, which tabs are theirs, and what this house will not keep."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from janus_space.access import Caller
from janus_space.door import Door
from janus_space.hub_votes import HubVotes
from janus_space.ui.events import caller_of, listen
from janus_space.ui.house import House

SIGN_IN = "<a href='/login/huggingface' target='_blank'>Sign in with Hugging Face</a>"
SIGN_OUT = "<a href='/logout'>Sign out</a>"


def sign_in_routes(door: Door) -> gr.LoginButton | None:
    """Make what Gradio must find on a page to open its sign-in routes and check their cookies; it is never shown.

    Made before the page is begun, it registers no events of its own; a link does its work.
    """
    return gr.LoginButton(visible=False) if door.space is not None and door.space.signs_in else None


def build_who(house: House, sign_in: gr.LoginButton | None) -> gr.HTML:
    """Lay out the line that says who looks, empty where there is only the owner."""
    if sign_in is not None:
        sign_in.render()
    return gr.HTML(elem_id="who", visible=house.door.has_strangers)


def wire_who(page: gr.Blocks, house: House, who: gr.HTML, owners_tabs: Sequence[gr.Tab]) -> None:
    """Show each caller, when the page opens, what is theirs. Hiding is for the eye: every event checks who asks."""

    def open_house(request: gr.Request) -> dict[Any, Any]:
        if not house.door.has_strangers:
            return {who: gr.skip()}
        caller = caller_of(request)
        shown = {tab: gr.update(visible=caller.is_owner) for tab in owners_tabs} if house.can_have_owner else {}
        return {who: told(caller, house)} | shown

    listen(page.load, "open_house", open_house, [], [who, *owners_tabs])


def told(caller: Caller, house: House) -> str:
    """Say in a line who looks and, on a hosted Space, what a restart takes away."""
    return " ".join(f"<span>{part}</span>" for part in (_account(caller, house), _lost(house)) if part)


def _account(caller: Caller, house: House) -> str:
    if caller.account is not None:
        return f"Signed in as <b>{escape(caller.account)}</b>{', the owner' if caller.is_owner else ''}. {SIGN_OUT}"
    if house.door.space is None:
        return "You are the owner." if caller.is_owner else "You are a visitor."
    return SIGN_IN if house.door.space.signs_in else ""


def _lost(house: House) -> str:
    if house.door.space is None or house.models.home.outlives_restart:
        return ""
    if isinstance(house.votes, HubVotes):
        kept = f"Votes are kept in the dataset {escape(house.votes.repo_id)}; "
        return f"{kept}jobs and what they made are gone when this Space restarts."
    return "This Space has no persistent storage: votes, jobs and what they made are gone when it restarts."
