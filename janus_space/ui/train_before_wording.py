"""What is known before a run starts, in words: the devices, what it will take, and what would fit. HTML made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from janus_space.devices import Machine
from janus_space.remedies import Remedy
from janus_space.ui import job_wording
from trainer.estimate import Estimate, Measured

MEASURING = (
    "<p class='status-line'>Measuring: the model is loaded and takes three steps on the longest rows. That takes a"
    " minute or more, and nothing of it is kept.</p>"
)
CHANGED = "<p class='status-line'>The form is changed. Start measures again before it begins.</p>"
ONCE_MORE = (
    "This run did not fit when it was measured: choose one of the changes under the form, or press Start once more to"
    " try all the same."
)
NO_GPU = "No GPU is attached: runs train on the CPU, where small models take minutes and large ones need a GPU."


def devices(machine: Machine, busy: Mapping[str, str]) -> str:
    """List the devices that a run can take, and which job is at work on each; `busy` maps devices to jobs' names."""
    gpus = [
        (
            f"cuda:{gpu.index}",
            f"GPU {gpu.index}: {gpu.name}",
            f"{gpu.memory_free_gib:.0f} of {gpu.memory_total_gib:.0f} GiB free",
        )
        for gpu in machine.gpus
    ]
    rows = [*gpus, ("cpu", "CPU", f"{machine.ram_free_gib:.0f} of {machine.ram_total_gib:.0f} GiB free")]
    listed = "".join(_device(busy.get(device), name, memory) for device, name, memory in rows)
    told = "" if gpus else f"<p class='hint'>{NO_GPU}</p>"
    return f"<ul class='devices' aria-label='Devices'>{listed}</ul>{told}"


def _device(job: str | None, name: str, memory: str) -> str:
    work = f"<span class='sign running'>busy with {escape(job)}</span>" if job else "<span class='sign'>free</span>"
    return f"<li><strong>{escape(name)}</strong> <span>{escape(memory)}</span> {work}</li>"


def estimated(found: Estimate, ways: Sequence[Remedy], busy_with: str = "") -> str:
    """Say what a run will take; where it does not fit, offer what would, a button each."""
    beside = (
        f"<p class='hint'>{escape(busy_with)} is at work on the same device, so this was slower than it will be.</p>"
        if busy_with
        else ""
    )
    if found.asked.fits:
        return f"<p class='status-line done'>It fits.</p>{_facts(found.asked, found.memory_gib)}{beside}"
    offered = "".join(_way(number, way, found) for number, way in enumerate(ways))
    list_ = f"<ul class='ways' aria-label='What would need less'>{offered}</ul>" if offered else ""
    refused = f"It does not fit the {found.memory_gib:.1f} GiB of this device."
    if not ways:
        refused += " Choose a smaller model."
    return f"<p class='status-line failed'>{refused}</p>{beside}{list_}"


def _way(number: int, way: Remedy, found: Estimate) -> str:
    cured = found.cured
    told = "not measured yet"
    if way.is_measured and cured is not None and cured.hours is not None:
        told = f"measured: {cured.peak_memory_gib:.1f} GiB, {_time(cured)}"
    return (
        f"<li><button type='button' data-key='{number}'>Use {escape(way.says)}</button><span>{escape(told)}</span></li>"
    )


def _time(measured: Measured) -> str:
    seconds = (measured.hours or 0.0) * 3600
    return f"about {job_wording.duration(seconds)}" if seconds >= 60 else "less than a minute"


def _facts(measured: Measured, memory_gib: float) -> str:
    return job_wording.facts(
        [
            ("Time", _time(measured)),
            ("Steps", f"{measured.steps or 0:,}, each {measured.seconds_a_step or 0.0:.2f} s"),
            ("Memory", f"{measured.peak_memory_gib or 0.0:.1f} of {memory_gib:.1f} GiB at most"),
            ("Speed", f"{measured.tokens_per_s or 0.0:,.0f} tokens a second"),
        ]
    )
