"""HTML with buttons in it: a click on whatever carries a `data-key` is the component's `select`, with that key.

Own components are made by functions: beside a module with a subclass of a component, Gradio writes a .pyi file.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

PICK_JS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-key]");
  if (button) trigger("select", { key: button.dataset.key });
});
"""
LIVE_JS = "element.setAttribute('aria-live', 'polite');"


def keyed_buttons(value: str, **options: Any) -> gr.HTML:
    """Show HTML made here, every foreign text escaped; its one event is `select`."""
    return gr.HTML(value, js_on_load=PICK_JS, apply_default_css=False, **options)


def live_status(**options: Any) -> gr.HTML:
    """Make a line whose changes a screen reader tells."""
    return gr.HTML(js_on_load=LIVE_JS, elem_classes="status", **options)
