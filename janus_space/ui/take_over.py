"""Let another tab take over the dataset of the Augment tab, as reviewed: it fills in its form, and is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from janus_space.augment_order import VERB
from janus_space.jobs import Jobs
from janus_space.review import ReviewBook
from janus_space.ui.events import listen


class Offer(NamedTuple):
    """A dataset for another tab: the button that asks for it, and the name of the job that is shown."""

    button: gr.Button
    chosen: gr.State


def take_over(
    offer: Offer,
    verb: str,
    tab: gr.Tab,
    jobs: Jobs,
    fill: Callable[[Path], dict[Any, Any]],
    outputs: Sequence[Any],
) -> None:
    """Register what the button does: `fill` makes updates of `outputs` from the dataset's folder, and `tab` opens."""
    tabs = tab.parent  # asked now: Gradio forgets it when a tab is opened

    async def use(name: str) -> dict[Any, Any]:
        book = ReviewBook(jobs.find(f"{VERB}/{name}").folder)
        return fill(await asyncio.to_thread(book.as_it_stands)) | {tabs: gr.update(selected=tab.id)}

    listen(offer.button.click, f"{verb}_use", use, [offer.chosen], [*outputs, tabs])
