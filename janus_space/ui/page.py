"""The page: its head, and one tab for each thing that can be done here."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from janus_space import devices
from janus_space.devices import Machine
from janus_space.models import Models
from janus_space.ui import compare
from janus_space.ui.endpoint import build_endpoints
from janus_space.ui.form import DEFAULT_MODEL
from janus_space.ui.house import House
from janus_space.ui.theme import LOGO_FILE

TITLE = "Janus Space"
PURPOSE = "Tell a language model how to behave, ask it something, and read the answers side by side."


def build(models: Models, look: Callable[[], Machine] = devices.machine, start_model: str = DEFAULT_MODEL) -> gr.Blocks:
    """Lay out the whole page. Compare is its only tab so far; the second one brings a `gr.Tabs` around them."""
    house = House(models, look, start_model)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        with gr.Row(elem_id="masthead"):
            gr.HTML(
                f"<header>{LOGO_FILE.read_text(encoding='utf-8')}<div><h1>{TITLE}</h1><p>{PURPOSE}</p></div></header>"
            )
            strip = gr.HTML(elem_id="machine")
        compare.build(page, house, strip)
        build_endpoints(models)
    return page
