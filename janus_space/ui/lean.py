"""Gradio with less work for each visitor and each update: what makes two hundred streams fit on one core.

A page of this size has hundreds of components. For each visitor Gradio writes out the settings of all of them, which
only deep links read, and this app refuses those. For each update it builds anew every component that the event *may*
change. Here it does so for what did change. Measured by `tests/perf/load.py`: from 50 ms of CPU an update to about 1.
"""

from __future__ import annotations

import gc
from copy import copy
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.components import State
from gradio.state_holder import SessionState, StateHolder

_SECONDS_AFTER_CLOSING = 600


class LeanPage(gr.Blocks):
    """A page whose events are charged for what they change."""

    is_template = True  # to the browser it is what it derives from

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        """Prepare an event's updates for the browser."""
        outputs = block_fn.outputs
        if not isinstance(predictions, dict) or not predictions or not set(predictions) <= set(outputs):
            return await super().postprocess_data(block_fn, predictions, state)
        changed = copy(block_fn)
        changed.outputs = [output for output in outputs if output in predictions]
        prepared = iter(await super().postprocess_data(changed, predictions, state))
        return [next(prepared) if output in predictions else _untouched(output) for output in outputs]

    def get_state_ids_to_track(
        self, block_fn: BlockFunction, state: SessionState | None
    ) -> tuple[list[int], list[Any]]:
        """Look for states whose change is an event: on this page there is none, which a test holds."""
        return [], []


def _untouched(output: gr.blocks.Block) -> Any:
    """Say in Gradio's way that an output stays as it is; what a state holds is never sent."""
    return None if output.stateful else gr.skip()


class LeanSession(SessionState):
    """The values of one open page's states."""

    def __init__(self, blocks: gr.Blocks) -> None:
        # Not super().__init__, which writes out the settings of every component.
        self.blocks_config = copy(blocks.default_config)
        self.config_values: dict[int, Any] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = _SECONDS_AFTER_CLOSING

    def __setitem__(self, key: int, value: Any) -> None:
        if isinstance(self.blocks_config.blocks.get(key), State):
            super().__setitem__(key, value)
            self.config_values.clear()
        else:
            self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class LeanSessions(StateHolder):
    """The states of all open pages."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = LeanSession(self.blocks)
        return super().__getitem__(session_id)


def make_lean(page: gr.Blocks) -> None:
    """Keep less for each visitor of a page that has just been launched, and look less often for garbage."""
    sessions = LeanSessions()
    sessions.set_blocks(page)
    page.app.state_holder = sessions
    # Every update leaves cycles behind; finding them means looking at everything, and the page itself stays for good.
    gc.collect()
    gc.freeze()
