"""Before a run starts: which devices there are, what it will take, and what would fit where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from janus_space.estimates import estimate
from janus_space.jobs import Jobs
from janus_space.remedies import remedies
from janus_space.training import VERB, at_work, check_dataset, devices_of, start_train
from janus_space.ui import train_before_wording
from janus_space.ui.events import listen
from janus_space.ui.house import House
from janus_space.ui.job_panel import JobPanel, Updates
from janus_space.ui.train_form import FIELDS, TrainForm, TrainFormView, shown_value
from trainer.config import TrainConfig
from trainer.errors import BadConfig, TrainerError
from trainer.estimate import Estimate

LOOK_JS = "() => document.getElementById('train-work').scrollIntoView({ block: 'nearest' })"


class Taken(NamedTuple):
    """An estimate, and of what. `is_warned` tells that somebody has been told that it does not fit, and starts it."""

    config: TrainConfig
    found: Estimate
    is_warned: bool = False


def devices_html(house: House, jobs: Jobs) -> str:
    """List the devices of this machine as they are now."""
    busy = {device: job.name for device, job in at_work(jobs).items()}
    return train_before_wording.devices(house.look(), busy)


class Before(NamedTuple):
    """The listeners of the form's buttons."""

    form: TrainFormView
    panel: JobPanel
    house: House

    async def measure(self, *values: Any) -> AsyncIterator[Updates]:
        """Measure the run as the form describes it."""
        config = TrainForm.of_values(values).config(self.house.models)
        await asyncio.to_thread(check_dataset, config)
        async for updates in self._measured(config):
            yield updates

    def change(self, data: Mapping[str, Any], taken: Taken | None) -> Updates:
        """Put what would fit into the form."""
        form, ways = self.form, remedies(taken.config, taken.found) if taken else []
        chosen = next((way for number, way in enumerate(ways) if data.get("key") == str(number)), None)
        if chosen is None:
            return {form.estimated: ""}
        changed = {form.fields[FIELDS.index(knob)]: shown_value(knob, value) for knob, value in chosen.changes.items()}
        return {**changed, form.estimated: train_before_wording.CHANGED}

    async def start(self, taken: Taken | None, *values: Any) -> AsyncIterator[Updates]:
        """Start a run. After one that did not fit, a changed one is measured first, and the same one warned of."""
        filled = TrainForm.of_values(values)
        config = filled.config(self.house.models)
        await asyncio.to_thread(check_dataset, config)
        if taken is not None and not taken.found.asked.fits:
            if taken.config != config:
                async for updates in self._measured(config):
                    yield updates
                    taken = updates.get(self.form.taken, taken)
                if not taken.found.asked.fits:
                    raise BadConfig(taken.found.sentence)
            elif not taken.is_warned:
                yield {self.form.taken: taken._replace(is_warned=True)}
                raise BadConfig(train_before_wording.ONCE_MORE)
        yield await asyncio.to_thread(self._begin, filled, config)

    def _begin(self, filled: TrainForm, config: TrainConfig) -> Updates:
        jobs = self.panel.jobs
        return self.panel.show(start_train(jobs, config, jobs.new_folder(VERB, filled.name)).name)

    async def _measured(self, config: TrainConfig) -> AsyncIterator[Updates]:
        """Show that it is being measured, then what was found."""
        form, working = self.form, at_work(self.panel.jobs)
        busy = next((working[device].name for device in devices_of(config) if device in working), "")
        yield {form.estimated: train_before_wording.MEASURING}
        try:
            found = await estimate(config, self.house.models.home)
        except TrainerError:
            yield {form.estimated: ""}
            raise
        told = train_before_wording.estimated(found, remedies(config, found), busy)
        yield {form.estimated: told, form.taken: Taken(config, found)}


def wire_before(form: TrainFormView, panel: JobPanel, house: House, outputs: list[Any]) -> None:
    """Register the listeners; `outputs` are the panel's and those around it."""
    before, told = Before(form, panel, house), [form.estimated, form.taken]
    # One at a time: two that measure disturb each other.
    listen(form.measure.click, f"{VERB}_estimate", before.measure, form.asked, told, at_once=1)
    listen(form.estimated.select, f"{VERB}_change", before.change, [form.taken], [form.estimated, *form.fields])
    started = listen(form.start.click, f"{VERB}_start", before.start, [form.taken, *form.asked], [*told, *outputs])
    listen(started.success, f"{VERB}_look_at_job", None, js=LOOK_JS)
