"""What a run has left behind, in words: the proof of what was saved, how right its rewards are, its merged weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from janus_space.job import Job, Status
from janus_space.ui import job_wording

Events = Sequence[Mapping[str, Any]]


def proof(events: Events, method: str) -> str:
    """Say whether what was saved says what was trained; nothing where that was not looked at."""
    told = next((event for event in reversed(events) if event.get("event") == "roundtrip"), None)
    if told is None:
        return ""
    unit = "in reward" if method == "reward" else "nats a token"
    differences = [
        f"{told[name]:.1g} {unit} when {how}"
        for name, how in (("loaded_difference", "loaded again"), ("merged_difference", "merged into the base"))
        if name in told
    ]
    ids = "the same tokens" if told.get("same_token_ids") else "other tokens"
    is_same = bool(told.get("is_same"))
    verdict = "What was saved says what was trained" if is_same else "What was saved does not say what was trained"
    sentence = (
        f"{verdict}: {told.get('prompts', 0)} prompts with their system messages give {ids}, and scores that differ"
        f" by at most {' and '.join(differences)} (allowed: {told.get('tolerance', 0.0):g})."
    )
    return _line(sentence, is_good=is_same)


def rewards(events: Events) -> str:
    """Say how often a reward model is right, and whether its preference swaps when the system message does."""
    told = next((event for event in reversed(events) if event.get("event") == "reward_check"), None)
    if told is None or told.get("accuracy") is None:
        return ""
    pairs = [("Prefers the chosen answer", f"{told['accuracy']:.0%} of {told.get('pairs', 0)} pairs")]
    if told.get("flip_accuracy") is not None:
        flips = f"{told['flip_accuracy']:.0%} of {told.get('flips', 0)} swaps"
        pairs.append(("Follows a swapped system message", flips))
    return job_wording.facts(pairs)


def merged(job: Job, status: Status, found: Mapping[str, Any], folder: str, method: str) -> str:
    """Say how the merge of a run stands, and hold what came of it to the run's own model."""
    if status != "finished":
        reason = (job.end or {}).get("reason")
        stands = {"queued": "Waiting to merge.", "running": "Merging …", "stopping": "Merging …"}
        sentence = stands.get(status) or str(reason or "The merge broke off: start it again.")
        return _line(sentence, is_good=status in stands)
    gib = float(found.get("gib", 0.0))
    size = f"{gib:.2f} GiB" if gib >= 0.1 else f"{gib * 1024:.0f} MiB"
    if not found.get("prompts"):
        told = f"Merged: {size} in {folder}. It was not compared with the run's own model, which kept no prompts."
        return _line(told, is_good=True)
    is_same = bool(found.get("is_same"))
    if method == "reward":
        agree, unit = f"{'get' if is_same else 'do not get'} from it what the run's own model gave them", "in reward"
    else:
        agree = "are as likely to it as to the run's own model" if is_same else "are not as likely to it as they were"
        unit = "nats a token"
    sentence = (
        f"Merged: {size} in {folder}. {found['prompts']} stored answers {agree}: at most"
        f" {found.get('difference', 0.0):.1g} {unit} apart (allowed: {found.get('tolerance', 0.0):g})."
    )
    return _line(sentence, is_good=is_same)


def _line(sentence: str, *, is_good: bool) -> str:
    return f"<p class='status-line proof {'done' if is_good else 'failed'}'>{escape(sentence)}</p>"
