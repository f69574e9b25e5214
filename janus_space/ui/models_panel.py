"""Which models there are, what each needs, and what this machine has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from janus_space.catalogue import ModelEntry, Obstacle, entries
from janus_space.devices import Gpu, Machine

HasKey = Callable[[str], bool]
"""Whether the visitor, or the house, has a key for a remote model's spec."""

Choice = tuple[str, str]
"""What a dropdown shows, and the spec that it stands for."""

# The stylesheet greys every choice whose label has this mark.
NOT_HERE = " — not here: "
HEADINGS = ("Model", "Licence", "Memory", "System message", "On this machine")


class ModelsView(NamedTuple):
    """The components that follow from the machine and the visitor's keys."""

    strip: gr.HTML
    table: gr.HTML
    dropdowns: list[gr.Dropdown]

    def refreshed(
        self, machine: Machine, has_key: HasKey, own: Sequence[Choice], held: str | None = None
    ) -> dict[Any, Any]:
        """Show what there is now, with the models that were trained here."""
        choices = gr.update(choices=model_choices(machine, has_key, own))
        return {
            self.strip: gpu_strip(machine.gpus, held),
            self.table: models_table(machine, has_key),
            **dict.fromkeys(self.dropdowns, choices),
        }


def build_models(machine: Machine, has_key: HasKey) -> gr.HTML:
    """Lay out the table of models, closed."""
    with gr.Accordion("Models", open=False, elem_classes="drawer"):
        return gr.HTML(models_table(machine, has_key))


def model_choices(machine: Machine, has_key: HasKey, own: Sequence[Choice] = ()) -> list[Choice]:
    """Offer every known model by name, behind those that were trained here; one that cannot run here says why."""
    return [*own, *((_label(entry, obstacle(entry, machine, has_key)), entry.spec) for entry in entries())]


def device_choices(gpus: Iterable[Gpu]) -> list[tuple[str, str]]:
    """Offer the CPU and every attached GPU."""
    return [
        ("Choose for me", "auto"),
        ("CPU", "cpu"),
        *((f"GPU {gpu.index}: {gpu.name}, {gpu.memory_free_gib:.0f} GiB free", f"cuda:{gpu.index}") for gpu in gpus),
    ]


def gpu_strip(gpus: Sequence[Gpu], held: str | None = None) -> str:
    """Name the attached GPUs, what they have free, and what they work on; `held` is asked on one that is lent."""
    if held is not None:
        return f"<p class='gpus'>{escape(held)} runs on a GPU lent for each comparison; other models on the CPU.</p>"
    if not gpus:
        return "<p class='gpus'>No GPU attached: models run on the CPU.</p>"
    return "<ul class='gpus'>" + "".join(f"<li>{_gpu(gpu)}</li>" for gpu in gpus) + "</ul>"


def models_table(machine: Machine, has_key: HasKey) -> str:
    """Show every known model as a row."""
    head = "".join(f"<th scope='col'>{heading}</th>" for heading in HEADINGS)
    body = "".join(_row(entry, obstacle(entry, machine, has_key)) for entry in entries())
    caption = (
        "Any other model can be typed into a model field: <code>hf:org/name</code>, <code>path:/full/folder</code>, "
        "<code>openai:MODEL@BASE_URL</code>, or <code>job:NAME</code> for what a training job has made."
    )
    return (
        f"<div class='table-frame' tabindex='0' role='region' aria-label='Known models'><table><thead><tr>{head}</tr>"
        f"</thead><tbody>{body}</tbody></table></div><p class='hint'>{caption}</p>"
    )


def obstacle(entry: ModelEntry, machine: Machine, has_key: HasKey) -> Obstacle | None:
    """Say what keeps a model from running here."""
    return entry.obstacle(machine, entry.is_remote and has_key(entry.spec))


def _label(entry: ModelEntry, what_hinders: Obstacle | None) -> str:
    if what_hinders is None:
        return entry.name
    reason = what_hinders.reason.partition(";")[0].rstrip(".")
    return f"{entry.name}{NOT_HERE}{reason[0].lower()}{reason[1:]}"


def _row(entry: ModelEntry, what_hinders: Obstacle | None) -> str:
    memory = "—" if entry.memory_gib is None else f"{entry.memory_gib:g} GiB"
    here = f"{what_hinders.reason} {what_hinders.way_out}" if what_hinders else "Ready to use."
    cells = "".join(f"<td>{escape(text)}</td>" for text in (entry.licence, memory, entry.system_message, here))
    name = (
        f"<th scope='row'>{escape(entry.name)}<code>{escape(entry.spec)}</code><span>{escape(entry.note)}</span></th>"
    )
    return f"<tr class='{'greyed' if what_hinders else ''}'>{name}{cells}</tr>"


def _gpu(gpu: Gpu) -> str:
    busy = f" · busy with {', '.join(gpu.busy_with)}" if gpu.busy_with else ""
    return escape(
        f"GPU {gpu.index}: {gpu.name} · {gpu.memory_free_gib:.0f} of {gpu.memory_total_gib:.0f} GiB free{busy}"
    )
