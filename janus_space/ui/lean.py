"""Gradio with less work for each visitor and each update: what makes two hundred streams fit on one core.

A page of this size has hundreds of components. For each visitor Gradio writes out the settings of all of them, which
only deep links read, and this app refuses those. For each update it builds anew every component that the event *may*
change, compares all of them, and sends each value through a thread. Here it does so for what did change, and where
somebody's code runs. Measured by `tests/perf/load.py`.
"""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator
from copy import copy
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.components import State
from gradio.data_classes import GradioModel, GradioRootModel
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import diff, is_prop_update

_SECONDS_AFTER_CLOSING = 600
_PLAIN = frozenset(
    (
        *(gr.HTML, gr.Markdown, gr.Chatbot, gr.Textbox, gr.Button, gr.Checkbox, gr.Radio, gr.Dropdown, gr.Slider),
        *(gr.Number, gr.BrowserState, gr.Column, gr.Row, gr.Accordion),
    )
)
"""Components whose values are texts, numbers and choices: no files to move, nothing to wait for."""
_DRAWN = frozenset(("__type__", "value", "visible", "interactive", "label"))
"""Settings that the browser draws by; what an event is given depends on none of them."""
_UNTOUCHED = gr.skip()
_LOOK_SECONDS = 0.01


class LeanPage(gr.Blocks):
    """A page whose events are charged for what they change."""

    is_template = True  # to the browser it is what it derives from

    async def process_api(
        self,
        block_fn: BlockFunction | int,
        inputs: list[Any],
        state: SessionState | None = None,
        request: Any = None,
        iterator: AsyncIterator[Any] | None = None,
        session_hash: str | None = None,
        event_id: str | None = None,
        **call: Any,
    ) -> dict[str, Any]:
        """Take an event one step on; the later steps of a stream to a page are taken here."""
        is_later = iterator is not None and session_hash is not None and event_id is not None
        if is_later and isinstance(block_fn, BlockFunction) and not call.get("simple_format"):
            return await self._step(block_fn, state, iterator, session_hash)
        call |= {"iterator": iterator, "session_hash": session_hash, "event_id": event_id}
        return await super().process_api(block_fn, inputs, state, request, **call)

    async def _step(
        self, block_fn: BlockFunction, state: SessionState | None, iterator: Any, session_hash: str | None
    ) -> dict[str, Any]:
        """Send the differences from what was sent last; at the end, as Gradio does, all of what was sent last."""
        start, run = time.time(), self._stream_run_key(iterator)
        try:
            sent = self.pending_diff_streams[session_hash][run]
            data = await self.postprocess_data(block_fn, await anext(iterator), state)
            changes = [[] if new is old else diff(old, new) for old, new in zip(sent, data, strict=True)]
            sent[:] = data
        except StopAsyncIteration:
            changes, iterator = list(sent), None
            self._pop_run_diffs(session_hash, run)
        except BaseException:
            self._drop_run(session_hash, run)
            raise
        duration = time.time() - start
        block_fn.total_runtime += duration
        block_fn.total_runs += 1
        return {
            "data": changes,
            "is_generating": iterator is not None,
            "iterator": iterator,
            "duration": duration,
            "average_duration": block_fn.total_runtime / block_fn.total_runs,
            "render_config": None,
            "changed_state_ids": [],
            "used_cache": None,
        }

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """Read what the browser sent; no thread is needed for a text."""
        is_plain = all(block.stateful or type(block) in _PLAIN for block in block_fn.inputs)
        if state is None or not is_plain or block_fn.component_prop_inputs or not block_fn.preprocess:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        self.validate_inputs(block_fn, inputs)
        return [
            state[block._id] if block.stateful else _of_session(state, block).preprocess(value)
            for block, value in zip(block_fn.inputs, inputs, strict=False)
        ]

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        """Prepare an event's updates for the browser."""
        outputs = block_fn.outputs
        if (
            state is None
            or not isinstance(predictions, dict)
            or not predictions
            or not set(predictions) <= set(outputs)
        ):
            return await super().postprocess_data(block_fn, predictions, state)
        updates = dict(predictions)
        prepared = {
            block: _drawn(_of_session(state, block), update)
            for block, update in updates.items()
            if _is_drawn(block, update)
        }
        changed = copy(block_fn)
        changed.outputs = [block for block in outputs if block in updates and block not in prepared]
        if changed.outputs:
            rest = {block: updates[block] for block in changed.outputs}
            prepared |= zip(changed.outputs, await super().postprocess_data(changed, rest, state), strict=True)
        return [prepared[block] if block in prepared else _untouched(block) for block in outputs]

    def get_state_ids_to_track(
        self, block_fn: BlockFunction, state: SessionState | None
    ) -> tuple[list[int], list[Any]]:
        """Look for states whose change is an event: on this page there is none, which a test holds."""
        return [], []


def _of_session(state: SessionState, block: gr.blocks.Block) -> Any:
    """Find the component as this visitor has it: its choices may differ from another's."""
    return state.get(block._id, block)


def _is_drawn(block: gr.blocks.Block, update: Any) -> bool:
    """Tell whether an update is for the browser alone, so that no component need be built anew for it."""
    if type(block) not in _PLAIN or isinstance(update, gr.blocks.Block):
        return False
    return not is_prop_update(update) or update.keys() <= _DRAWN


def _drawn(block: Any, update: Any) -> Any:
    """Prepare such an update as Gradio would."""
    if not is_prop_update(update):
        return _dumped(block.postprocess(update))
    drawn = {name: setting for name, setting in update.items() if setting is not None}
    if "value" in update:
        drawn["value"] = _dumped(block.postprocess(update["value"]))
    return drawn


def _dumped(value: Any) -> Any:
    return value.model_dump() if isinstance(value, (GradioModel, GradioRootModel)) else value


def _untouched(output: gr.blocks.Block) -> Any:
    """Say in Gradio's way that an output stays as it is; what a state holds is never sent."""
    return None if output.stateful else _UNTOUCHED


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
    """Keep less for each visitor of a page that has just been launched, and look less often for work and garbage."""
    sessions = LeanSessions()
    sessions.set_blocks(page)
    page.app.state_holder = sessions
    # Gradio looks for new events a thousand times a second, and for progress bars, which no event here has, a hundred.
    page._queue.sleep_when_free, page._queue.progress_update_sleep_when_free = _LOOK_SECONDS, 1.0
    # Every update leaves cycles behind; finding them means looking at everything, and the page itself stays for good.
    gc.collect()
    gc.freeze()
