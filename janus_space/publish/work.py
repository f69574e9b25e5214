"""The work of a publish job, stage by stage; every stage that is done leaves a file, so that resuming skips it.

[train ─▶ measure] ─▶ pack ─▶ ask ─▶ send ─▶ load back ─▶ prove
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_gen.job_folder import JobFolder
from janus_space.home import Home
from janus_space.job import read_json, write_json
from janus_space.jobs import Jobs
from janus_space.publish.collection import items_of, tie
from janus_space.publish.commit import Sent, send
from janus_space.publish.hub import Hub
from janus_space.publish.licence import Origin, decide
from janus_space.publish.model_packing import ModelWish, pack_model
from janus_space.publish.packing import Packed, pack_dataset, packed_before, with_card
from janus_space.publish.readback import prove_again, read_back
from janus_space.publish.sources import ModelSource, dataset_source, model_source
from janus_space.publish.space_files import model_on_hub, pack_space
from janus_space.publish.whoami import check_may_write
from janus_space.publish_order import EDITED_CARD, PublishJob

SENDING = "sending.json"
SENT = "sent.json"
WOULD_GO = "This is what would go. Nothing was sent; resume sends it."


class Stopped(Exception):
    """Somebody wished the job to end."""


@dataclass(frozen=True)
class Work:
    """One publish job at work."""

    request: PublishJob
    folder: JobFolder
    home: Home
    hub: Hub
    accepted: frozenset[str]
    is_dry_run: bool

    def stage(self, name: str, sentence: str) -> None:
        """Begin a stage, unless the job was asked to end."""
        self.obey()
        self.folder.event("stage", name=name)
        self.folder.log(sentence)

    def obey(self) -> None:
        """Raise `Stopped` if somebody wishes the job to end."""
        if self.folder.is_asked_to_stop:
            raise Stopped

    @property
    def path(self) -> Path:
        return self.folder.path


def publish(work: Work, trained: str | None = None, steer_rows: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Do a job; return how it ended. `trained` names the training job that was run for it.

    Raises:
        PublishRefused, PublishBroken, TrainerError, Stopped
    """
    request = work.request
    if work.hub.has_token or not work.is_dry_run:
        work.stage("whoami", f"Asking {work.hub.host} who you are")
        name = check_may_write(work.hub, request.repo_id)
        work.folder.log(f"You are {name} and may write to {request.repo_id}.")
    if request.what == "collection":
        return _collection(work)
    source = model_source(Jobs(work.home), trained or request.source) if request.what == "model" else None
    packed = packed_before(work.path)
    if packed is None:
        work.stage("pack", "Choosing files, and writing the card")
        packed = _pack(work, source, steer_rows)
    if (edited := work.path / EDITED_CARD).exists():
        packed = with_card(work.path, work.home, packed, edited.read_text("utf-8"))
    _tell(work, packed)
    if work.is_dry_run:
        return {"state": "estimated", "reason": WOULD_GO, **_listed(packed)}
    open_questions = {name: text for name, text in packed.asked_of.items() if name not in work.accepted}
    if open_questions:
        return asks(open_questions)
    sent = _send(work, packed)
    return _read_back(work, packed, sent, source)


def asks(questions: Mapping[str, str]) -> dict[str, Any]:
    """End with questions that only a person can decide."""
    names = " ".join(f"--accept {name}" for name in questions)
    told = " ".join(questions.values())
    return {
        "state": "asks",
        "questions": dict(questions),
        "reason": f"{told} Nothing was sent. To go on all the same: {names}.",
    }


def _pack(work: Work, source: ModelSource | None, steer_rows: Sequence[dict[str, Any]]) -> Packed:
    request, home = work.request, work.home
    if source is not None:
        wish = ModelWish(request.repo_id, request.private, request.merged, request.license, request.card)
        return pack_model(work.path, home, work.hub, source, wish, work.folder.log, steer_rows)
    if request.what == "space":
        model = model_on_hub(work.hub, request.source)
        return pack_space(work.path, home, model, request.repo_id, request.private, request.card, request.hardware)
    rows = dataset_source(Jobs(home), request.source)
    decision = decide([Origin(f"the dataset {rows.folder.name}", rows.licence)], request.license)
    return pack_dataset(work.path, home, rows, request.repo_id, request.private, decision, request.card)


def _tell(work: Work, packed: Packed) -> None:
    for file in packed.parcel.files:
        work.folder.log(f"{file.sha256[:12]}  {file.size_bytes:>12,}  {file.path}")
    for one in packed.skipped:
        work.folder.log(f"stays here: {one.path} ({one.why})")
    for warning in packed.warnings:
        work.folder.log(f"Warning: {warning}")


def _listed(packed: Packed) -> dict[str, Any]:
    return {
        "files": [file.model_dump() for file in packed.parcel.files],
        "size_bytes": packed.parcel.size_bytes,
        "skipped": [one._asdict() for one in packed.skipped],
        "warnings": list(packed.warnings),
        "questions": dict(packed.asked_of),
        "card": packed.card,
    }


def _send(work: Work, packed: Packed) -> Sent:
    before = read_json(work.path / SENT)
    if before is not None:
        return Sent.model_validate(before)
    parcel = packed.parcel
    work.stage("send", f"Sending {len(parcel.files)} files, {parcel.size_bytes:,} bytes, as one commit")

    def on_bytes(done: int, of: int) -> None:
        work.obey()
        work.folder.event("progress", done=done, of=of, what="bytes")

    sent = send(parcel, work.hub, work.path / SENDING, on_bytes)
    write_json(work.path / SENT, sent.model_dump(mode="json"))
    if sent.others:
        work.folder.log(f"In {sent.repo_id} from before, and still there: {', '.join(sent.others[:12])}")
    return sent


def _read_back(work: Work, packed: Packed, sent: Sent, source: ModelSource | None) -> dict[str, Any]:
    work.stage("readback", f"Loading {sent.repo_id} back into a clean place")
    folder = work.path / "readback"
    there = read_back(packed.parcel, sent, work.hub, folder)
    told: dict[str, Any] = {"url": sent.url, "repo_id": sent.repo_id, "commit": sent.commit, "readback": there}
    if source is not None and there["is_same"]:
        work.stage("prove", "Asking what came back the same questions as when it was trained")
        told["roundtrip"] = prove_again(source, folder, work.home, lambda words: None)
    shutil.rmtree(folder, ignore_errors=True)
    is_same = there["is_same"] and (told.get("roundtrip") or {}).get("is_same", True)
    told["warnings"] = list(packed.warnings)
    if not is_same:
        return {
            "state": "failed",
            "reason": f"What came back from {sent.url} is not what was sent: look at it, and publish again.",
            **told,
        }
    work.folder.log(f"Published: {sent.url}")
    return {"state": "done", **told}


def _collection(work: Work) -> dict[str, Any]:
    items = items_of(work.request.source)
    if work.is_dry_run:
        return {"state": "estimated", "reason": WOULD_GO, "items": [f"{item.kind}: {item.repo_id}" for item in items]}
    work.stage("tie", f"Tying {len(items)} together")
    told = tie(work.hub, work.request.repo_id, items, work.request.private)
    work.folder.log(f"Published: {told['url']}")
    return {"state": "done", "repo_id": work.request.repo_id, **told}
