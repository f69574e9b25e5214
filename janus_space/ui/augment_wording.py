"""Augmentation in words: what is left out, how a job goes, what came of it. HTML made here, foreign text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from data_gen.instructions import Instruction
from data_gen.records import GrownRecord
from janus_space.job import Job, Status
from janus_space.ui import job_wording
from janus_space.ui.augment_input import MOST_LOOKED_AT, PASTE_NAME, Look
from janus_space.ui.leaderboard_wording import spoken

LIVE_ROWS = 3


def found(look: Look) -> str:
    """Say how many instructions are kept, what is left out and why, and show the first."""
    report = look.report
    kept = "1 instruction is" if report.kept == 1 else f"{report.kept:,} instructions are"
    more = "" if look.is_whole else f" (of the first {MOST_LOOKED_AT:,} rows; the job reads all)"
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in report.left_out.items())
    noted = "; ".join(f"{count:,} {reason}" for reason, count in report.noted.items())
    told = f"{kept} kept{more}." + (f" Left out: {left_out}." if left_out else "")
    told += f" Noticed, and kept: {noted}." if noted else ""
    rows = "".join(
        f"<li>Row {one.row}, {one.reason}: {escape(one.detail)}{_quoted(one.text)}</li>" for one in look.examples
    )
    first = "".join(f"<li>{escape(_short(one.text, 160))}{_from(one)}</li>" for one in look.first)
    return (
        f"<p class='status-line'>{escape(told)}</p>"
        + (f"<ul class='hint noticed'>{rows}</ul>" if rows else "")
        + (f"<ol class='first-ones' aria-label='The first instructions'>{first}</ol>" if first else "")
    )


def command(words: Sequence[str]) -> str:
    """Show the command that does the same."""
    hint = f"; {PASTE_NAME} holds what you pasted" if PASTE_NAME in words else ""
    return (
        f"<p class='hint'>The same from the command line{hint}</p>"
        f"<pre class='command' tabindex='0' aria-label='Command'>{escape(_wrapped(words))}</pre>"
    )


def figures(job: Job, status: Status) -> str:
    """Show how far a job is, and what it has cost."""
    events = job.events()
    end = job.end if status not in ("running", "stopping") else None
    progress = next((one for one in reversed(events) if one.get("event") == "progress"), None) or {}
    estimate = next((one for one in reversed(events) if one.get("event") == "estimate"), None)
    told = f"<p class='estimate'>{escape(str(estimate['sentence']))}</p>" if estimate else ""
    if not progress:
        return told
    quarantined = _total(progress.get("quarantined"))
    rows, wanted = int(progress.get("rows", 0)), int(progress.get("rows_wanted", 0))
    drawn = job_wording.bar(rows + quarantined, wanted, "Rows done")
    return drawn + job_wording.facts(_figures(progress, end, job.request, rows, wanted)) + told


def _figures(
    progress: Mapping[str, Any], end: Mapping[str, Any] | None, request: Mapping[str, Any], rows: int, wanted: int
) -> Iterable[tuple[str, str]]:
    yield "Rows", f"{rows:,} of {wanted:,}"
    if progress.get("quarantined"):
        kinds = ", ".join(f"{count} {kind}" for kind, count in progress["quarantined"].items())
        yield "Quarantined", kinds
    if end is None:
        yield "Rate", f"{progress.get('rows_per_s', 0):.1f} rows a second"
        if progress.get("eta_s"):
            yield "To go", f"about {job_wording.duration(progress['eta_s'])}"
    if progress.get("requests"):
        yield "Requests", f"{progress['requests']:,}"
        yield "Tokens", f"{progress.get('prompt_tokens', 0):,} in, {progress.get('completion_tokens', 0):,} out"
    if request.get("price_in") is not None:
        budget = request.get("budget_usd")
        of = f" of {budget:,.2f}" if budget else ""
        yield "Spent", f"{progress.get('spent_usd', 0):.4f}{of} USD"
    if progress.get("errors"):
        yield "Errors", ", ".join(f"{count} {name}" for name, count in sorted(progress["errors"].items()))


def cards(records: Iterable[GrownRecord], title: str) -> str:
    """Show rows with the tree that each was grown along."""
    drawn = "".join(f"<li>{card(record)}</li>" for record in records)
    return f"<h3>{escape(title)}</h3><ul class='row-cards short'>{drawn}</ul>" if drawn else ""


def card(record: GrownRecord, foot: str = "") -> str:
    """Show one row: instruction, preferences by dimension, system message, answer."""
    wishes = "".join(
        f"<li class='{one.dimension}'><span class='dimension'>{spoken(one.dimension)}</span>"
        f"<strong>{escape(one.preference)}</strong> <span class='place'>{escape(one.subdimension)}</span>"
        f"<p>{escape(one.description)}</p></li>"
        for one in record.preference_set.root
    )
    findings = f"<p class='hint'>Noticed: {escape('; '.join(record.findings))}.</p>" if record.findings else ""
    return (
        f"<article class='row-card'><h4>{escape(record.prompt)}</h4>"
        f"<ul class='wishes'>{wishes}</ul>"
        f"<div class='node'><h5>System message</h5><p>{escape(record.system)}</p></div>"
        f"<div class='node answer'><h5>Answer</h5><p>{escape(record.output)}</p></div>{findings}{foot}</article>"
    )


def quarantined(rows: Iterable[Mapping[str, Any]]) -> str:
    """Say why the newest rows could not be made."""
    told = "".join(
        f"<li>{escape(_short(str(row.get('prompt', '')), 80))}: {escape(str(row.get('reason', '')))}</li>"
        for row in rows
    )
    return f"<p class='hint'>Set aside, with the reason</p><ul class='hint noticed'>{told}</ul>" if told else ""


def _wrapped(words: Sequence[str]) -> str:
    """Begin a line with every flag, as people write long commands."""
    lines = [""]
    for word in words:
        if word.startswith("--"):
            lines.append(f"  {word}")
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return " \\\n".join(lines)


def _total(counts: Any) -> int:
    return sum(counts.values()) if isinstance(counts, dict) else 0


def _from(one: Instruction) -> str:
    sources = dict.fromkeys(filter(None, (one.main_source, one.original_source)))
    return f" <span class='hint'>from {escape(_short(', '.join(sources), 80))}</span>"


def _quoted(text: str) -> str:
    return f" – “{escape(_short(text, 80))}”" if text.strip() else ""


def _short(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
