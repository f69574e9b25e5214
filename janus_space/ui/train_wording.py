"""Training in words and lines: how a run goes, its curves, and rows under the X-ray. HTML made here, text escaped."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from janus_space.curves import Line, curves, number, points
from janus_space.job import Job, Status
from janus_space.ui import job_wording, train_after_wording
from trainer.data import Dataset
from trainer.xray import Xray, XrayText, XrayToken

_CURVE_BYTES = 8 * 2**20
_MOST_FAULTS = 12
_SPEAKERS = {
    "system": "system message",
    "user": "question",
    "assistant": "earlier answer",
    "answer": "trained answer",
    "template": "template",
}

Events = Sequence[Mapping[str, Any]]


def figures(job: Job, status: Status) -> str:
    """Show how far a run is, and its curves."""
    events = job.events(_CURVE_BYTES)
    steps = [event for event in events if event.get("event") == "step"]
    started = next((event for event in reversed(events) if event.get("event") == "started"), None)
    if started is None:
        return ""
    total = int(started.get("max_steps", 0))
    done = int(steps[-1]["step"]) if steps else int(started.get("step", 0))
    return (
        job_wording.bar(done, total, "Steps done")
        + job_wording.facts(_facts(steps, done, total, is_running=status in ("running", "stopping")))
        + curves("Loss", [Line("loss", "loss", list(points(steps, "loss")))], total)
        + _steerability(events, total)
        + train_after_wording.rewards(events)
        + train_after_wording.proof(events, str(job.request.get("method")))
        + _samples(events)
    )


def _facts(steps: Events, done: int, total: int, *, is_running: bool) -> Iterable[tuple[str, str]]:
    yield "Steps", f"{done:,} of {total:,}"
    if not steps:
        return
    last = steps[-1]
    yield "Loss", f"{number(last.get('loss')):.4f}"
    recent = [number(step.get("seconds")) for step in steps[-20:]]
    seconds = sum(recent) / len(recent)
    if is_running and total > done:
        yield "To go", f"about {job_wording.duration(seconds * (total - done))}"
    if "tokens_per_s" in last:
        yield "Speed", f"{number(last['tokens_per_s']):,.0f} tokens a second"
    if "rewards/accuracies" in last:
        yield "Chosen preferred", f"{number(last['rewards/accuracies']):.0%}"
    if "learning_rate" in last:
        yield "Learning rate", f"{number(last['learning_rate']):.1e}"
    if "memory_gib" in last:
        yield "Memory", f"{number(last['memory_gib']):.1f} GiB at most"


def _steerability(events: Events, total: int) -> str:
    measured = [event for event in events if event.get("event") == "steerability"]
    if not measured:
        return ""
    is_held_out = measured[-1].get("is_held_out")
    on = "instructions kept out of training" if is_held_out else "rows that are trained on: it also rises by heart"
    lines = [
        Line("right message over the others", "margin", list(points(measured, "margin"))),
        Line("shuffled messages", "control", list(points(measured, "shuffled"))),
        Line("right message over none", "gain", list(points(measured, "gain"))),
    ]
    return curves(f"Steerability margin (nats a token), on {on}", lines, total)


def _samples(events: Events) -> str:
    told = next((event for event in reversed(events) if event.get("event") == "samples"), None)
    if told is None:
        return ""
    rows = "".join(
        f"<li><strong>{escape(str(one.get('system') or 'No system message'))}</strong>"
        f"<span>{escape(str(one.get('prompt')))}</span><p>{escape(str(one.get('text')))}</p></li>"
        for one in told.get("samples", ())
    )
    return f"<p class='hint'>Answers at step {told.get('step')}</p><ul class='samples'>{rows}</ul>"


def found(dataset: Dataset) -> str:
    """Say what is in a dataset, and name the rows that cannot be trained on."""
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in dataset.left_out.items())
    columns = ", ".join(f"{theirs} as {ours}" if ours != theirs else ours for ours, theirs in dataset.columns.items())
    told = f"{len(dataset.rows):,} rows can be trained on. Columns: {columns}."
    told += f" Left out: {left_out}." if left_out else ""
    faults = "".join(f"<li>{escape(str(fault))}</li>" for fault in dataset.faults[:_MOST_FAULTS])
    more = len(dataset.faults) - _MOST_FAULTS
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    list_ = f"<ul class='hint noticed'>{faults}{rest}</ul>" if faults else ""
    faulty = (
        f"<p class='status-line failed'>{len(dataset.faults):,} rows cannot: correct them, or tick"
        " “skip_bad_rows” under More.</p>"
        if faults
        else ""
    )
    return f"<p class='status-line'>{escape(told)}</p>{faulty}{list_}"


def yaml_and_command(text: str, name: str) -> str:
    """Show the config as a file, and the command that does the same with it."""
    config = f"<pre class='command' tabindex='0' aria-label='Config'>{escape(text.strip())}</pre>" if text else ""
    command = f"python -m janus_space train config.yaml --out {shlex.quote(name or 'FOLDER')}"
    return (
        "<p class='hint'>The same from the command line, with this as config.yaml</p>"
        f"{config}<pre class='command' tabindex='0' aria-label='Command'>{escape(command)}</pre>"
    )


def xrays(rows: Iterable[Xray]) -> str:
    """Draw rows as the model will read them; what is trained stands out."""
    legend = "".join(f"<li><mark class='{name}'>{told}</mark></li>" for name, told in _SPEAKERS.items())
    return f"<ul class='xray-legend' aria-label='Whose words'>{legend}</ul>{''.join(map(_row, rows))}"


def _row(one: Xray) -> str:
    surprise = f" class='surprise {one.surprise}'" if one.surprise else ""
    texts = "".join(map(_text, one.texts))
    return f"<section class='xray'><h4>{escape(one.place)}</h4><p{surprise}>{escape(one.says)}</p>{texts}</section>"


def _text(text: XrayText) -> str:
    trained = sum(token.is_trained for token in text.tokens)
    cut = sum(token.is_cut for token in text.tokens)
    told = f"{text.label}: {len(text.tokens)} tokens, {trained} trained" + (f", {cut} cut" if cut else "")
    runs = groupby(text.tokens, key=lambda token: (token.speaker, token.is_cut))
    return f"<p class='hint'>{escape(told)}</p><div class='xray-text'>{''.join(_run(*run) for run in runs)}</div>"


def _run(kind: tuple[str, bool], tokens: Iterable[XrayToken]) -> str:
    """One speaker's tokens: the edges between them show, and each tells its number."""
    drawn = "".join(f"<span title='token {token.id}'>{escape(token.text)}</span>" for token in tokens)
    speaker, is_cut = kind
    return f"<mark class='{speaker}{' cut' if is_cut else ''}'>{drawn}</mark>"
