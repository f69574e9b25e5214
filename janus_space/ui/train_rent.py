"""A rented machine for a run, from the page: which there are, what it will cost, and only then the click that pays."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
from pydantic import ValidationError

from data_gen.errors import BadRequest
from janus_space.errors import JobRefused
from janus_space.training import VERB, TrainOrder, check_dataset
from janus_space.ui import wording
from janus_space.ui.events import listen
from janus_space.ui.house import House
from janus_space.ui.job_panel import JobPanel, Updates
from janus_space.ui.keyed import live_status
from janus_space.ui.train_form import TrainForm, TrainFormView
from trainer.config import TrainConfig

HINT = (
    "<p class='hint'>The same run as a Hugging Face Job, paid by the account whose token this app was started with"
    " (HF_TOKEN). Its curves and log appear here, and what it makes is fetched.</p>"
)
LOOK_FIRST = "The form has changed since the price was shown: look at the price again."


class RentView(NamedTuple):
    """The components of the drawer."""

    drawer: gr.Accordion
    flavor: gr.Dropdown
    hours: gr.Textbox
    price: gr.Button
    rent: gr.Button
    told: gr.HTML
    offer: gr.State
    """What was shown with its price."""


class Offer(NamedTuple):
    """What was shown with its price, and can be agreed to."""

    config: TrainConfig
    flavor: str
    hours: float | None


class Renting(NamedTuple):
    """The listeners of the drawer."""

    view: RentView
    panel: JobPanel
    house: House

    async def enter(self) -> Updates:
        """List the machines with their prices; without the Hub, say why there are none."""
        try:
            choices = await asyncio.to_thread(_machines)
        except JobRefused as error:
            return {self.view.told: wording.failed(str(error))}
        return {self.view.flavor: gr.update(choices=choices), self.view.told: ""}

    async def price(self, *values: Any) -> Updates:
        """Say what the run will cost; nothing is rented yet."""
        offer = await asyncio.to_thread(self._offer, values)
        from janus_space.remote_price import hub, quote

        found = await asyncio.to_thread(lambda: quote(hub(), offer.config, offer.flavor, offer.hours))
        label = f"Rent it for at most {found.most_usd:.2f} USD"
        return {
            self.view.told: wording.note(found.sentence),
            self.view.rent: gr.update(visible=True, value=label),
            self.view.offer: offer,
        }

    async def rent(self, offered: Offer | None, *values: Any) -> Updates:
        """Rent the machine whose price was shown, for the run it was shown for."""
        return await asyncio.to_thread(self._rent, offered, values)

    def _rent(self, offered: Offer | None, values: Sequence[Any]) -> Updates:
        from janus_space.remote_train import start_remote

        offer, jobs = self._offer(values), self.panel.jobs
        if offer != offered:
            raise BadRequest(LOOK_FIRST)
        folder = jobs.new_folder(VERB, TrainForm.of_values(values[2:]).name)
        job = start_remote(jobs, offer.config, offer.flavor, hours=offer.hours, accepts_price=True, folder=folder)
        return {**self.panel.show(job.name), self.view.rent: gr.update(visible=False), self.view.offer: None}

    def _offer(self, values: Sequence[Any]) -> Offer:
        flavor, hours, *told = values
        if not flavor:
            raise BadRequest("Choose a machine first.")
        config = TrainForm.of_values(told).config(self.house.models)
        check_dataset(config)
        return Offer(config, str(flavor), _hours(hours))


def build_rent() -> RentView:
    """Lay out the drawer, closed."""
    with gr.Accordion("Rent a machine for it", open=False, elem_classes="drawer", elem_id="train-rent") as drawer:
        gr.HTML(HINT)
        with gr.Row(elem_classes="knobs"):
            flavor = gr.Dropdown([], value=None, label="Machine", elem_id="train-flavor", min_width=190)
            hours = gr.Textbox(
                label="Longest time to pay for, in hours",
                info="Empty: twice what is calculated",
                elem_id="train-hours",
                min_width=150,
            )
        with gr.Row(elem_classes="button-row"):
            price = gr.Button("Show the price", elem_id="train-price", scale=0, min_width=170)
            rent = gr.Button(
                "Rent it", variant="primary", visible=False, elem_id="train-rent-it", scale=0, min_width=260
            )
        told = live_status(elem_id="train-price-told")
    return RentView(drawer, flavor, hours, price, rent, told, gr.State(None))


def wire_rent(view: RentView, form: TrainFormView, panel: JobPanel, house: House, outputs: list[Any]) -> None:
    """Register the listeners; `outputs` are the panel's and those around it."""
    renting = Renting(view, panel, house)
    asked = [view.flavor, view.hours, *form.asked]
    listen(view.drawer.expand, f"{VERB}_machines", renting.enter, [], [view.flavor, view.told])
    listen(view.price.click, f"{VERB}_price", renting.price, asked, [view.told, view.rent, view.offer])
    listen(view.rent.click, f"{VERB}_rent", renting.rent, [view.offer, *asked], [*outputs, view.rent, view.offer])


def _machines() -> list[tuple[str, str]]:
    # Imported here: the Hub's client costs time that the page should not take to open.
    from janus_space.remote_price import hub, price_list

    return price_list(hub())


def _hours(typed: Any) -> float | None:
    text = str(typed or "").strip().replace(",", ".")
    try:
        return TrainOrder.model_validate({"config": "of the form", "hours": text or None}).hours
    except ValidationError as error:
        raise BadRequest(f"{text[:20]!r} is no time to pay for: write hours, such as 2.5, up to 240.") from error
