"""The Compose tab: pick preferences, read and edit the message they make, check it, and use it in Compare."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from data_gen.chat import ChatModel
from janus_space.compose import own_hierarchy
from janus_space.ui import compose_wording, wording
from janus_space.ui.columns import BEHAVE_INFO, BEHAVE_LABEL
from janus_space.ui.compare import CompareView
from janus_space.ui.composer import Composer, ComposeView, Updates
from janus_space.ui.composition import Composition
from janus_space.ui.events import listen
from janus_space.ui.house import House
from janus_space.ui.keyed import keyed_buttons, live_status
from janus_space.ui.models_panel import model_choices
from janus_space.ui.persona_shelf import DOWNLOAD_JS, Shelf, build_shelf
from janus_space.ui.preference_tree import preference_tree
from janus_space.ui.smoothing import Smoothing, SmoothingView, build_proposal
from janus_space.ui.sunburst import sectors_of, sunburst
from janus_space.ui.theme import ASSETS
from janus_space.ui.use_in_compare import UseView, build_use, wire_use

INTRO = """
<h2>Compose a system message</h2>
<p>Say what one person wants, in four respects. The message writes itself; change it as you like, then use it in
Compare.</p>
"""
in_turn = partial(listen, in_turn="composition")
"""For what changes the picks or reads the text: each goes on from what the one before it has made."""
CHECK_FILE = ASSETS / "message_check.js"


class _Message(NamedTuple):
    """The card with the message, and all that is done with it."""

    chips: gr.HTML
    notes: gr.HTML
    allow_more: gr.Checkbox
    badge: gr.HTML
    text: gr.Textbox
    reword: gr.Button
    rebuild: gr.Button
    proposal: SmoothingView
    use: UseView
    model: gr.Dropdown
    findings: gr.HTML


def build(tab: gr.Tab, house: House, compared: CompareView) -> None:
    """Lay out the tab and register its listeners; `tab` is what shows it."""
    hierarchy, complaint = own_hierarchy(house.models.home)
    with gr.Column(elem_id="compose"):
        gr.HTML(INTRO + (wording.note(complaint) if complaint else ""), elem_id="compose-intro")
        with gr.Column(elem_id="workbench"):
            with gr.Column(elem_id="picking"):
                surprise = gr.Button("Surprise me", size="sm", elem_classes="quiet", elem_id="surprise")
                tree = preference_tree(hierarchy, elem_id="preference-tree")
            card = _build_message(house)
            with gr.Accordion("The same as a picture", elem_id="picture"):
                picture = sunburst(sectors_of(hierarchy), elem_id="sunburst")
        shelf_view = build_shelf(hierarchy)
    view = ComposeView(
        tree, picture, card.allow_more, card.chips, card.notes, card.badge, card.text, card.rebuild, card.findings
    )
    composer = Composer(view, hierarchy, gr.State(Composition()))
    shelf = Shelf(shelf_view, hierarchy, composer.show_all)
    inputs = [composer.state, card.text, card.model]
    _wire_picking(composer, inputs, surprise, card.reword)
    _wire_smoothing(composer, card.proposal, inputs, house, compared)
    _wire_personas(composer, shelf, inputs)
    _wire_opening(tab, composer, shelf, inputs, house, compared)
    wire_use(card.use, card.text, compared.fields)


def _build_message(house: House) -> _Message:
    choices = model_choices(house.look(), lambda spec: house.has_key(spec, {}), house.trained)
    with gr.Column(elem_id="composing"):
        chips = keyed_buttons(compose_wording.NOTHING_PICKED, elem_id="picks")
        notes = live_status()
        with gr.Row(elem_id="picks-foot"):
            more = gr.Checkbox(False, label="Allow more than one a dimension", container=False, elem_id="allow-more")
            badge = gr.HTML(elem_id="edited")
        text = gr.Textbox(
            label=BEHAVE_LABEL,
            info=BEHAVE_INFO,
            lines=7,
            max_lines=18,
            autoscroll=False,
            placeholder="Pick a preference, or write here yourself: You are …",
            elem_id="message",
            elem_classes="behave",
        )
        with gr.Row(elem_classes="button-row"):
            reword = gr.Button("Another wording", size="sm", elem_classes="quiet")
            ask = gr.Button("Write it more smoothly", size="sm", elem_classes="quiet")
            stop = gr.Button("Stop", size="sm", visible=False, elem_classes="quiet")
            rebuild = gr.Button("Rebuild from the picks", size="sm", visible=False, elem_classes="quiet")
        proposal = build_proposal(ask, stop)
        use = build_use()
        model = gr.Dropdown(
            choices,
            value=house.start_model,
            label="Written for, and rewritten by",
            allow_custom_value=True,
            elem_id="compose-model",
        )
        findings = gr.HTML(js_on_load=CHECK_FILE.read_text(encoding="utf-8"), elem_id="findings")
    return _Message(chips, notes, more, badge, text, reword, rebuild, proposal, use, model, findings)


def _wire_picking(composer: Composer, inputs: list[Any], surprise: gr.Button, reword: gr.Button) -> None:
    view, outputs = composer.view, composer.outputs
    picks = [view.tree.select, view.picture.select, view.chips.select]
    # Whoever picks quickly means every pick: "once" would drop those made while one is under way.
    choosing = [*inputs, view.allow_more]
    in_turn(picks, "compose_pick", composer.pick, choosing, outputs, trigger_mode="multiple")
    in_turn(view.allow_more.input, "compose_allow_more", composer.allow_more, choosing, outputs)
    in_turn(surprise.click, "compose_surprise", composer.surprise, inputs, outputs)
    in_turn(reword.click, "compose_reword", composer.reword, inputs, outputs)
    in_turn(view.rebuild.click, "compose_rebuild", composer.rebuild, [inputs[0], inputs[2]], outputs)
    asks_for_check = [view.findings.input, inputs[2].change]
    in_turn(asks_for_check, "compose_check", composer.typed, inputs, outputs, trigger_mode="always_last")


def _wire_smoothing(
    composer: Composer, proposal: SmoothingView, inputs: list[Any], house: House, compared: CompareView
) -> None:
    state, message, model = inputs

    def model_for(spec: str, visitor: str) -> ChatModel:
        return house.models.chat_model(spec, "auto", compared.keys.of(visitor))

    smoothing = Smoothing(proposal, model_for)

    def take(composition: Composition, text: str | None, spec: str | None) -> Updates:
        composition.see(text)
        composition.accept()
        return composer.show(composition, spec) | smoothing.closed()

    asked = [state, message, model, compared.visitor]
    listen(proposal.ask.click, "compose_smooth", smoothing.ask, asked, [state, *smoothing.outputs])
    listen(proposal.stop.click, "compose_stop", smoothing.stop, [state])
    in_turn(proposal.take.click, "compose_take", take, inputs, [*composer.outputs, *smoothing.outputs])
    listen(proposal.leave.click, "compose_leave", smoothing.closed, [], smoothing.outputs)


def _wire_personas(composer: Composer, shelf: Shelf, inputs: list[Any]) -> None:
    view = shelf.view
    outputs = [view.kept, view.cards, view.status, view.name]
    in_turn(view.cards.select, "compose_persona", shelf.pick, [*inputs, view.kept], [*composer.outputs, *outputs])
    save = [view.save.click, view.name.submit]
    in_turn(save, "compose_save_persona", shelf.save, [*inputs[:2], view.name, view.kept], outputs)
    listen(view.import_file.upload, "compose_import", shelf.read_file, [view.kept], outputs)
    written = listen(view.export.click, "compose_export", shelf.write_file, [view.kept], [view.export_text])
    listen(written.success, "compose_download", None, [view.export_text], js=DOWNLOAD_JS)


def _wire_opening(
    tab: gr.Tab, composer: Composer, shelf: Shelf, inputs: list[Any], house: House, compared: CompareView
) -> None:
    """Show, when the tab is opened, what the browser kept and which models can be asked now."""
    model, cards, kept = inputs[2], shelf.view.cards, shelf.view.kept

    def open_tab(composition: Composition, text: str | None, spec: str | None, mine: Any, visitor: str) -> Updates:
        composition.see(text)
        keys = compared.keys.of(visitor)
        choices = gr.update(choices=model_choices(house.look(), lambda name: house.has_key(name, keys), house.trained))
        return composer.show(composition, spec) | {cards: shelf.shown(mine), model: choices}

    asked = [*inputs, kept, compared.visitor]
    in_turn(tab.select, "compose_open", open_tab, asked, [*composer.outputs, cards, model])
