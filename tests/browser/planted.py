"""A home full of one text, wherever a file, a model, an endpoint or another person could have put it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data_gen.preferences import DIMENSIONS
from janus_space.compose import load_hierarchy
from janus_space.home import Home
from janus_space.job import write_json
from janus_space.leaderboard import MIN_VOTES
from janus_space.votes import VoteBox
from tests.janus_space.sample_votes import make_vote
from tests.janus_space.test_jobs import alive
from trainer.config import TrainConfig


def plant(home: Home, text: str, name: str) -> None:
    """Write the text into jobs of every kind, their rows and reports, votes, preferences and datasets.

    `name` is as much of it as the name of a folder can hold.
    """
    _grown(home, text, name)
    _trained(home, text, name)
    _measured(home, text, name)
    _published(home, text, name)
    _voted(home, text)
    _preferred(home, text)


def _job(home: Home, verb: str, name: str, text: str, request: Any, *events: dict[str, Any], end: Any) -> Path:
    """Write a job as its worker leaves it; without an end it is under way."""
    folder = home.jobs / verb / name
    folder.mkdir(parents=True)
    write_json(folder / "request.json", request)
    marks = {"asked_at": 1.0} if end else {"supervisor": alive(), "worker": alive(), "asked_at": 2.0}
    write_json(folder / "process.json", marks)
    (folder / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events), "utf-8")
    (folder / "log.txt").write_text(f"{text}\n", "utf-8")
    if end:
        write_json(folder / "exit.json", end)
    return folder


def grown_row(text: str) -> dict[str, Any]:
    """Make a row of an augmented collection, the text in every place that a teacher fills."""
    wishes = [{"dimension": one, "subdimension": text, "preference": text, "description": text} for one in DIMENSIONS]
    row = {"preference_set": wishes, "system": text, "prompt": text, "output": text, "set_index": 0}
    return row | {"main_source": text, "original_source": text, "finish_reason": "stop", "findings": [text]}


def _grown(home: Home, text: str, name: str) -> None:
    aside = {"event": "quarantined", "row": {"prompt": text, "reason": text}}
    live = [{"event": "row", "row": grown_row(text)}, aside, {"event": "estimate", "sentence": text}]
    progress = {"event": "progress", "rows": 1, "rows_wanted": 2, "errors": {text: 1}, "quarantined": {text: 1}}
    _job(home, "augment", f"live {name}", text, {}, *live, progress, end=None)
    made = _job(home, "augment", f"made {name}", text, {}, progress, end={"state": "failed", "reason": text})
    (made / "dataset").mkdir()
    (made / "dataset" / "sft.jsonl").write_text(f"{json.dumps(grown_row(text))}\n", "utf-8")


def _trained(home: Home, text: str, name: str) -> None:
    config = TrainConfig(method="sft", model="embedded:smollm2", dataset=text, device="cpu")
    samples = {"event": "samples", "step": 1, "samples": [{"system": text, "prompt": text, "text": text}]}
    events = [{"event": "started", "max_steps": 2}, {"event": "step", "step": 1, "loss": 1.0}, samples]
    told = {"state": "done", "reason": text, "result": "adapter"}
    _job(home, "train", name, text, config.model_dump(mode="json"), *events, end=told)


def _measured(home: Home, text: str, name: str) -> None:
    told = {"state": "failed", "reason": text}
    progress = {"event": "progress", "done": 1, "of": 2, "what": text}
    folder = _job(home, "bench", name, text, {"bench": "multifaceted"}, progress, end=told)
    rows = [{"model": text, "score": 3.0, "score_ci": [2.0, 4.0], text: 1.0}, {"model": f"b {text}", "error": text}]
    write_json(folder / "report.json", {"bench": "multifaceted", "rows": rows, "judge": text, "data": text})
    asked = {"question": text, "model": text}
    answer = asked | {"system": text, "prompt": text, "answer": text}
    (folder / "answers.jsonl").write_text(f"{json.dumps(answer)}\n", "utf-8")
    verdict = asked | {"score": None, "feedback": text, "unscored": text, "under": text}
    (folder / "judgements.jsonl").write_text(f"{json.dumps(verdict)}\n", "utf-8")


def _published(home: Home, text: str, name: str) -> None:
    request = {"what": "dataset", "source": text, "repo_id": text}
    told = {"state": "asks", "reason": text, "questions": {"licence": text}, "url": "javascript:window.owned=1"}
    folder = _job(home, "publish", name, text, request, end=told)
    (folder / "parcel").mkdir()
    (folder / "parcel" / "README.md").write_text(f"---\nlicense: mit\n---\n\n{text}\n", "utf-8")
    file = {"path": text, "size_bytes": 1, "sha256": "<img src=x onerror=window.owned=1>"}
    listed = {"parcel": {"files": [file]}, "skipped": [[text, text]], "warnings": [text]}
    write_json(folder / "parcel.json", listed)


def _voted(home: Home, text: str) -> None:
    votes = VoteBox(home.votes_file)
    for number in range(MIN_VOTES + 2):
        votes.cast(make_vote([text[:200], f"m {text[:200]}"], number % 2, [text, text], prompt=text))


def _preferred(home: Home, text: str) -> None:
    home.hierarchies.mkdir(parents=True, exist_ok=True)
    known = load_hierarchy().leaves["plain-words"].model_dump(mode="json", exclude={"dimension", "subdimension"})
    entry = known | {"id": "planted-words", "preference": text[:80], "description": text[:600]}
    branch = {"id": "planted", "label": text[:80], "description": text[:600], "preferences": [entry]}
    tree = {"dimensions": [{"id": "style", "subdimensions": [branch]}]}
    (home.hierarchies / "planted.json").write_text(json.dumps(tree), "utf-8")
