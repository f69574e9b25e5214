"""Publishing in words: the way a job goes, what would go and what stays, and what it asks. HTML made here, escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from janus_space.job import Job, Status, read_json
from janus_space.ui import job_wording

STAGES = {
    "validate": "Check rows, licences and token",
    "estimate": "Estimate the run",
    "train": "Train",
    "steer": "Measure steerability against the base",
    "whoami": "Check who you are",
    "pack": "Choose files, write the card",
    "send": "Send as one commit",
    "tie": "Tie together",
    "readback": "Load back and compare every byte",
    "prove": "Ask what came back the same questions",
}
_CHAIN = ("validate", "estimate", "train", "steer", "whoami", "pack", "send", "readback", "prove")
_OF = {
    "model": ("whoami", "pack", "send", "readback", "prove"),
    "dataset": ("whoami", "pack", "send", "readback"),
    "space": ("whoami", "pack", "send", "readback"),
    "collection": ("whoami", "tie"),
}
_MOST_FILES = 60
_UNITS = {"bytes": "bytes", "steps": "steps", "instructions": "instructions"}


def figures(job: Job, status: Status) -> str:
    """Show how far a publication is, where it is when it is there, and what would go."""
    events = job.events()
    return _result(job, status) + _way(job, status, events) + _progress(events, status) + _files(job)


def _result(job: Job, status: Status) -> str:
    end = job.end or {}
    url = str(end.get("url", ""))
    if status != "finished" or not url.startswith(("https://", "http://")):
        return ""
    proof = end.get("roundtrip") or {}
    told = "Every byte came back the same" if end.get("readback") else ""
    if proof:
        told += f", and so did the answers to {proof.get('prompts')} prompts"
    link = f"<a href='{escape(url)}' target='_blank' rel='noopener'>{escape(url)}</a>"
    return f"<p class='published'>Published: {link}</p>" + (f"<p class='hint'>{escape(told)}.</p>" if told else "")


def _way(job: Job, status: Status, events: list[dict[str, Any]]) -> str:
    """Draw the stages, those that are done, and the one that is under way."""
    request = job.request
    names = _CHAIN if request.get("config") else _OF.get(str(request.get("what")), ())
    at = next((str(event["name"]) for event in reversed(events) if event.get("event") == "stage"), None)
    if at is None:
        return ""
    place = names.index(at) if at in names else -1
    steps = "".join(
        f"<li class='{_state(number, place, status)}'>{escape(STAGES[name])}</li>" for number, name in enumerate(names)
    )
    return f"<ol class='stages' aria-label='The way'>{steps}</ol>"


def _state(number: int, place: int, status: Status) -> str:
    if number < place or status == "finished":
        return "done"
    return "now" if number == place else "ahead"


def _progress(events: list[dict[str, Any]], status: Status) -> str:
    if status not in ("running", "stopping"):
        return ""
    last: dict[str, Any] = next(
        (event for event in reversed(events) if event.get("event") in ("progress", "stage")), {}
    )
    if last.get("event") != "progress":
        return ""
    done, of, what = int(last.get("done", 0)), int(last.get("of", 0)), str(last.get("what", ""))
    return job_wording.bar(done, of, "Done") + job_wording.facts([(what.capitalize(), f"{done:,} of {of:,}")])


def _files(job: Job) -> str:
    """List what goes with size and checksum, and what stays here with the reason."""
    told = read_json(job.folder / "parcel.json")
    if told is None:
        return ""
    files = told["parcel"]["files"]
    rows = "".join(
        f"<tr><td>{escape(file['path'])}</td><td>{file['size_bytes']:,}</td><td><code>{escape(file['sha256'][:12])}</code>"
        "</td></tr>"
        for file in files[:_MOST_FILES]
    )
    more = f"<p class='hint'>and {len(files) - _MOST_FILES:,} more</p>" if len(files) > _MOST_FILES else ""
    size = sum(file["size_bytes"] for file in files)
    return (
        f"<h4>{len(files):,} files, {size:,} bytes</h4>"
        f"<div class='parcel'><table><thead><tr><th>file</th><th>bytes</th><th>sha256</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{more}"
        + _list("Stays here", (f"{path}: {why}" for path, why in told.get("skipped", ())))
        + _list("To know", told.get("warnings", ()))
    )


def _list(title: str, sentences: Iterable[str]) -> str:
    rows = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<h4>{title}</h4><ul class='hint noticed'>{rows}</ul>" if rows else ""


def asked(questions: Mapping[str, str]) -> str:
    """Put what only a person can decide."""
    if not questions:
        return ""
    rows = "".join(f"<li>{escape(text)}</li>" for text in questions.values())
    return f"<div class='asked' role='alert'><p>Before this goes:</p><ul>{rows}</ul></div>"


def without_front_matter(card: str) -> str:
    """Leave out what only the Hub reads."""
    if not card.startswith("---\n"):
        return card
    return card[4:].partition("\n---")[2].lstrip("-\n")
