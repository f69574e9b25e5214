"""The Publish tab: from a finished run, or from a dataset, to something on the Hub that others can use at once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from data_gen.openai_spec import origin
from janus_space.access import current_caller, lent_hub_token
from janus_space.datasets import write_pairs_dataset
from janus_space.job import Job, Status
from janus_space.jobs import Jobs, numbered
from janus_space.publish_order import TOKEN, VERB, PublishJob, card_of, go_on, keep_card, open_questions, start_publish
from janus_space.training import check_dataset
from janus_space.ui import publish_wording, wording
from janus_space.ui.augment import AugmentView
from janus_space.ui.compare import CompareView
from janus_space.ui.events import listen
from janus_space.ui.house import House
from janus_space.ui.job_panel import JobPanel, Updates, build_job_panel
from janus_space.ui.publish_form import (
    CHAIN,
    SOURCES,
    VOTES,
    PublishForm,
    PublishFormView,
    build_form,
    choices_of,
    hub_address,
)
from janus_space.ui.take_over import take_over
from janus_space.ui.visitor_keys import VisitorKeys, new_visitor
from trainer.config import TrainConfig

INTRO = """
<h2>Publish</h2>
<p>Put what was made here on the Hub, as one commit: a model with a card that tells how to steer it, a dataset, a Space
of your own, or all of them tied together. <strong>Fine-tune and publish</strong> goes the whole way by itself, and asks
only where a licence or a failed check is at stake.</p>
"""
HOSTED = "On this hosted Space nobody publishes: run Janus Space on your own machine."
LOOK_JS = "() => document.getElementById('publish-work').scrollIntoView({ block: 'nearest' })"


class _Parts(NamedTuple):
    """What of a job only this verb shows."""

    asked: gr.HTML
    agree: gr.Button
    drawer: gr.Accordion
    card: gr.Textbox
    preview: gr.Markdown
    save_card: gr.Button


def build(tab: gr.Tab, house: House, compared: CompareView, augmented: AugmentView) -> None:
    """Lay out the tab and register its listeners; `tab` is what shows it."""
    is_hosted = not house.can_have_owner
    with gr.Column(elem_id="publish"):
        gr.HTML(INTRO + (wording.note(HOSTED) if is_hosted else ""), elem_classes="intro")
        with gr.Row(elem_id="publish-bench", equal_height=False, visible=not is_hosted):
            form = build_form(house)
            with gr.Column(elem_id="publish-work"):
                panel_view = build_job_panel(VERB)
                parts = _build_parts()
    jobs = Jobs(house.models.home)
    panel = JobPanel(panel_view, jobs, VERB, publish_wording.figures, _Shown(parts).details)

    def resume(job: Job, visitor: str) -> None:
        go_on(jobs, job, token=token_of(compared.keys, visitor))

    # Where everybody is a stranger, opening the tab asks for nothing that would be refused.
    opening = panel_view.stop.click if is_hosted else tab.select
    panel.wire(opening, [*parts], compared.visitor, resume)
    _wire_form(tab, form, house, opening, augmented)
    _wire_token(form, compared)
    _wire_start(form, panel, house, compared, [*panel.outputs, *parts])
    _wire_parts(parts, panel, compared, [*panel.outputs, *parts])


def _build_parts() -> _Parts:
    asked = gr.HTML(elem_id="publish-asked")
    agree = gr.Button("Go on all the same", visible=False, elem_id="publish-agree")
    with gr.Accordion("The card", open=True, visible=False, elem_classes="drawer") as drawer:
        with gr.Tabs():
            with gr.Tab("Preview"):
                preview = gr.Markdown(sanitize_html=True, elem_id="publish-preview")
            with gr.Tab("Edit"):
                card = gr.Textbox(
                    label="README.md, as it goes", lines=18, max_lines=40, elem_id="publish-card", interactive=True
                )
        save_card = gr.Button("Keep my changes", size="sm", elem_id="publish-save-card")
    return _Parts(asked, agree, drawer, card, preview, save_card)


class _Shown(NamedTuple):
    """What is shown of a job below its panel."""

    parts: _Parts

    def details(self, job: Job | None, status: Status | None, is_new: bool) -> Updates:
        """Show what is asked, and the card; once a look, so that what is being written is not overwritten."""
        if not is_new:
            return {}
        parts = self.parts
        questions = open_questions(job) if job is not None else {}
        card = card_of(job) if job is not None else None
        can_change = status in ("stopped", "failed", "lost")
        return {
            parts.asked: publish_wording.asked(questions),
            parts.agree: gr.update(visible=bool(questions)),
            parts.drawer: gr.update(visible=card is not None),
            parts.card: gr.update(value=card or "", interactive=can_change),
            parts.preview: publish_wording.without_front_matter(card or ""),
            parts.save_card: gr.update(visible=can_change),
        }


def _wire_form(tab: gr.Tab, form: PublishFormView, house: House, opening: Any, augmented: AugmentView) -> None:
    """Offer what there is of the chosen kind, and the fields that it needs; take over what the Augment tab shows."""

    def enter(kind: str) -> Updates:
        return {
            form.source: gr.update(choices=choices_of(kind, house)),
            form.token_note: _token_note(),
        }

    def choose(kind: str, source: str | None = None) -> Updates:
        label, info = SOURCES[kind]
        is_chain = kind == CHAIN
        return {
            form.source: gr.update(choices=choices_of(kind, house), value=source, label=label, info=info),
            form.run: gr.update(visible=is_chain),
            form.merged: gr.update(visible=is_chain or kind == "model"),
            form.licence: gr.update(visible=kind not in ("space", "collection")),
            form.hardware: gr.update(visible=kind == "space"),
            form.start: "Fine-tune and publish" if is_chain else "Publish",
            form.look: gr.update(visible=not is_chain),
        }

    def publish_it(dataset: Path) -> Updates:
        return {form.kind: "dataset"} | choose("dataset", str(dataset))

    changed = [form.source, form.run, form.merged, form.licence, form.hardware, form.start, form.look]
    listen(opening, f"{VERB}_enter", enter, [form.kind], [form.source, form.token_note])
    listen(form.kind.input, f"{VERB}_what", choose, [form.kind], changed)
    take_over(augmented.publish, VERB, tab, Jobs(house.models.home), publish_it, [form.kind, *changed])


def _token_note() -> str:
    caller = current_caller()
    if caller is not None and caller.hub_token:
        return wording.note(f"You publish as {caller.account}, signed in, unless you give another token.")
    if os.environ.get(TOKEN):
        return wording.note(f"{TOKEN} of this machine is used, unless you give another one.")
    return ""


def _wire_token(form: PublishFormView, compared: CompareView) -> None:
    """Let the visitor lend a token for the Hub: it goes into memory, and its box is cleared at once."""

    def keep(visitor_id: str, token: str) -> Updates:
        mine = visitor_id or new_visitor()
        address = compared.keys.keep(mine, hub_address(), (token or "").strip())
        told = "is set for this visit" if (token or "").strip() else "is forgotten"
        return {
            compared.visitor: mine,
            form.token: "",
            form.token_note: wording.note(f"The token for {address} {told}."),
        }

    outputs = [compared.visitor, form.token, form.token_note]
    listen(form.keep_token.click, f"{VERB}_token", keep, [compared.visitor, form.token], outputs)


def token_of(keys: VisitorKeys, visitor: str) -> str | None:
    """Return the token given in this visit, else that of the owner's sign-in; without one, the worker takes the
    machine's.
    """
    return keys.of(visitor).get(origin(hub_address())) or lent_hub_token()


def _wire_start(
    form: PublishFormView, panel: JobPanel, house: House, compared: CompareView, outputs: list[Any]
) -> None:
    def begin(visitor: str, values: tuple[Any, ...], is_dry_run: bool) -> Updates:
        request = request_of(PublishForm.of_values(values), house)
        token = token_of(compared.keys, visitor)
        return panel.show(start_publish(panel.jobs, request, is_dry_run=is_dry_run, token=token).name)

    async def start(visitor: str, *values: Any) -> Updates:
        return await asyncio.to_thread(begin, visitor, values, False)

    async def look(visitor: str, *values: Any) -> Updates:
        return await asyncio.to_thread(begin, visitor, values, True)

    asked = [compared.visitor, *form.asked]
    started = listen(form.start.click, f"{VERB}_start", start, asked, outputs)
    listen(started.success, f"{VERB}_look_at_job", None, js=LOOK_JS)
    looked = listen(form.look.click, f"{VERB}_look", look, asked, outputs)
    listen(looked.success, f"{VERB}_look_at_card", None, js=LOOK_JS)


def request_of(form: PublishForm, house: House) -> PublishJob:
    """Make the request of a form; votes become a dataset of this house first.

    Raises:
        PublishRefused, BadConfig, BadDataset, DatasetRefused: something is missing, or does not fit
    """
    if form.kind != CHAIN:
        return form.request()
    form.request()  # refuses what is missing before votes are written
    request = form.chain(_voted(house) if form.source == VOTES else form.source)
    check_dataset(TrainConfig(**(request.config or {})))
    return request


def _voted(house: House) -> str:
    folder: Path = next(path for path in numbered(house.models.home.datasets / "votes") if not path.exists())
    write_pairs_dataset(house.votes, folder)
    return str(folder)


def _wire_parts(parts: _Parts, panel: JobPanel, compared: CompareView, outputs: list[Any]) -> None:
    """Take a person's answer, and a person's card."""
    chosen, jobs = panel.view.chosen, panel.jobs

    def agree(name: str, visitor: str) -> Updates:
        job = jobs.find(f"{VERB}/{name}")
        go_on(jobs, job, accepted=tuple(open_questions(job)), token=token_of(compared.keys, visitor))
        return panel.show(name)

    def save(name: str, card: str) -> Updates:
        keep_card(jobs.find(f"{VERB}/{name}"), card)
        return {parts.preview: publish_wording.without_front_matter(card)}

    listen(parts.agree.click, f"{VERB}_agree", agree, [chosen, compared.visitor], outputs)
    listen(parts.save_card.click, f"{VERB}_card", save, [chosen, parts.card], [parts.preview])
