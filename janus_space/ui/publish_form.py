"""What is to be published, as fields: made of the request's own, so that form, command and checks are one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from janus_space.errors import PublishRefused
from janus_space.job import Job
from janus_space.jobs import Jobs
from janus_space.publish_order import VERB, Publication, PublishJob, What
from janus_space.training import VERB as TRAIN
from janus_space.training import from_anywhere
from janus_space.ui.house import House
from janus_space.ui.keyed import live_status
from janus_space.ui.train_form import dataset_choices
from trainer.config import TrainConfig
from trainer.presets import PRESETS

CHAIN = "chain"
KINDS = [
    ("Fine-tune and publish", CHAIN),
    ("Model", "model"),
    ("Dataset", "dataset"),
    ("Space", "space"),
    ("Collection", "collection"),
]
VOTES = "votes:"
HUB_VARIABLE, DEFAULT_HUB = "HF_ENDPOINT", "https://huggingface.co"
SOURCES = {
    CHAIN: ("Dataset", "What it learns from: a dataset of this house, a full path, hf:ORG/NAME, or your votes"),
    "model": ("Training job", "A finished run of this house"),
    "dataset": ("Dataset", "A dataset of this house, or a folder"),
    "space": ("Model on the Hub", "This app, set up for that model, as OWNER/NAME"),
    "collection": ("Names on the Hub", "With commas between: me/model,dataset:me/data,space:me/space"),
}
HARDWARE = [
    ("By the model's size", "auto"),
    ("CPU", "cpu"),
    ("ZeroGPU, a GPU lent for each answer", "zero"),
    ("A GPU of its own", "gpu"),
]
LICENCES = [
    ("What follows from the parts", ""),
    *((name, name) for name in ("apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc0-1.0", "other")),
]


class PublishFormView(NamedTuple):
    """The components of the form."""

    kind: gr.Radio
    source: gr.Dropdown
    run: gr.Row
    preset: gr.Dropdown
    model: gr.Dropdown
    steps: gr.Textbox
    repo_id: gr.Textbox
    licence: gr.Dropdown
    hardware: gr.Dropdown
    private: gr.Checkbox
    merged: gr.Checkbox
    token: gr.Textbox
    keep_token: gr.Button
    token_note: gr.HTML
    look: gr.Button
    start: gr.Button

    @property
    def asked(self) -> list[Any]:
        """Return what `PublishForm.of_values` reads, in its order."""
        return [
            *(self.kind, self.source, self.preset, self.model, self.steps),
            *(self.repo_id, self.licence, self.hardware, self.private, self.merged),
        ]


@dataclass(frozen=True)
class PublishForm:
    """The form as it is filled in."""

    kind: str
    source: str
    preset: str
    model: str
    steps: str
    repo_id: str
    licence: str
    hardware: str
    private: bool
    merged: bool

    @classmethod
    def of_values(cls, values: tuple[Any, ...]) -> PublishForm:
        """Read the fields in the order of `PublishFormView.asked`."""
        *texts, private, merged = values
        kind, source, preset, model, steps, repo_id, licence, hardware = (str(text or "").strip() for text in texts)
        return cls(kind, source, preset, model, steps, repo_id, licence, hardware, bool(private), bool(merged))

    def request(self) -> PublishJob:
        """Make the request of what is here already.

        Raises:
            PublishRefused: something is missing
        """
        if not self.source:
            raise PublishRefused(f"Choose what to publish first: the field “{SOURCES[self.kind][0]}” is empty.")
        if not self.repo_id:
            raise PublishRefused("Write its name on the Hub first, as OWNER/NAME.")
        what: What = "model" if self.kind == CHAIN else self.kind  # type: ignore[assignment]
        return PublishJob(
            what=what,
            source=self.source,
            repo_id=self.repo_id,
            private=self.private,
            merged=self.merged and what == "model",
            license=self.licence or None,
            hardware=self.hardware if what == "space" else "auto",
        )

    def chain(self, dataset: str) -> PublishJob:
        """Make the request of a run that is trained first.

        Raises:
            BadConfig, PublishRefused: something is missing, or does not fit
        """
        values: dict[str, Any] = {"preset": self.preset or None, "model": self.model, "dataset": dataset}
        if self.source == VOTES:
            values |= {"method": "dpo", "learning_rate": None}
        if self.steps:
            values["max_steps"] = int(self.steps) if self.steps.isdecimal() else self.steps
        config = from_anywhere(TrainConfig.read({name: value for name, value in values.items() if value is not None}))
        return self.request().model_copy(update={"source": dataset, "config": config.model_dump(mode="json")})


def build_form(house: House) -> PublishFormView:
    """Lay out the form."""
    fields = Publication.model_fields
    with gr.Column(elem_id="publish-form"):
        kind = gr.Radio(KINDS, value=CHAIN, label="What", elem_id="publish-what")
        label, info = SOURCES[CHAIN]
        source = gr.Dropdown(
            choices_of(CHAIN, house),
            value=None,
            label=label,
            info=info,
            allow_custom_value=True,
            elem_id="publish-source",
        )
        with gr.Row(elem_classes="knobs") as run:
            preset = gr.Dropdown(list(PRESETS), value="embedded-sft", label="Preset", elem_id="publish-preset")
            model = gr.Dropdown(
                _bases(house), value="embedded:smollm2", label="Base", allow_custom_value=True, elem_id="publish-model"
            )
            steps = gr.Textbox(label="Steps", info="Empty: as the preset says", elem_id="publish-steps")
        repo_id = gr.Textbox(label="Name on the Hub", info="OWNER/NAME", elem_id="publish-repo")
        with gr.Row(elem_classes="knobs"):
            licence = gr.Dropdown(
                LICENCES, value="", label="Licence", allow_custom_value=True, elem_id="publish-licence"
            )
            hardware = gr.Dropdown(
                HARDWARE,
                value="auto",
                label="Runs on",
                info="Suggested to the Hub; its settings decide",
                visible=False,
                elem_id="publish-hardware",
            )
            private = gr.Checkbox(label="Private", info=fields["private"].description, elem_id="publish-private")
            merged = gr.Checkbox(label="Merged", info=fields["merged"].description, elem_id="publish-merged")
        with gr.Row(elem_id="publish-token-row"):
            token = gr.Textbox(
                label="Token",
                info="Of your account on the Hub, one that may write. It is kept in memory, for this visit.",
                type="password",
                elem_id="publish-token",
                min_width=200,
            )
            keep_token = gr.Button("Use this token", size="sm", elem_id="publish-keep-token", scale=0, min_width=140)
        token_note = live_status(elem_id="publish-token-note")
        with gr.Row(elem_classes="button-row"):
            start = gr.Button(
                "Fine-tune and publish", variant="primary", elem_id="publish-start", scale=0, min_width=220
            )
            look = gr.Button("Look at it first", visible=False, elem_id="publish-look", scale=0, min_width=150)
    return PublishFormView(
        *(kind, source, run, preset, model, steps, repo_id, licence, hardware, private, merged),
        *(token, keep_token, token_note, look, start),
    )


def choices_of(kind: str, house: House) -> list[tuple[str, str]]:
    """Offer what this house has of a kind."""
    if house.models.hosted:
        return []
    jobs = Jobs(house.models.home)
    if kind == CHAIN:
        votes = [("Your votes, as preference pairs", VOTES)] if next(iter(house.votes), None) is not None else []
        return [*votes, *dataset_choices(house)]
    if kind == "model":
        finished = (job for job in jobs.list(TRAIN) if job.status == "finished" and "result" in (job.end or {}))
        return [(job.name, job.id) for job in finished]
    if kind == "dataset":
        return dataset_choices(house)
    there = published_here(jobs)
    if kind == "space":
        return [(name, name) for what, name in there if what == "model"]
    tied = ",".join(name if what == "model" else f"{what}:{name}" for what, name in there)
    return [("All that was published here", tied)] if tied else []


def published_here(jobs: Jobs) -> list[tuple[str, str]]:
    """List what was published from this house, newest first: its kind, and its name on the Hub."""
    found = (_published(job) for job in jobs.list(VERB) if job.status == "finished")
    return list(dict.fromkeys(one for one in found if one is not None and one[0] != "collection"))


def _published(job: Job) -> tuple[str, str] | None:
    what, name = job.request.get("what"), (job.end or {}).get("repo_id")
    return (str(what), str(name)) if what and name else None


def _bases(house: House) -> list[tuple[str, str]]:
    from janus_space.catalogue import entries

    return [(entry.name, entry.spec) for entry in entries() if entry.spec.startswith(("embedded:", "hf:"))]


def hub_address(environ: Mapping[str, str] = os.environ) -> str:
    """Return which Hub is meant."""
    return environ.get(HUB_VARIABLE) or DEFAULT_HUB
