"""From a source to a parcel: the files that may go, without paths of this machine, with their card, and no secret.

`parcel.json` is written last. Where it is whole, nothing is made again: what is resumed sends the same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from data_gen.whole_file import whole_file
from janus_space.errors import PublishRefused
from janus_space.home import Home
from janus_space.publish import paths
from janus_space.publish.allowed import DATASET, Chosen, Skipped, chosen
from janus_space.publish.folder_cards import dataset_card
from janus_space.publish.licence import Decision
from janus_space.publish.parcel import CARD, Parcel, RepoKind, listed, place, sha256_of
from janus_space.publish.secrets import refuse_secrets
from janus_space.publish.sources import DatasetSource

PARCEL = "parcel.json"
FOLDER = "parcel"


class Packed(BaseModel):
    """A parcel, and what is to be known before it goes."""

    model_config = ConfigDict(frozen=True)

    parcel: Parcel
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    asked_of: Mapping[str, str] = {}
    """What only a person can decide, by the name of the question."""

    @property
    def card(self) -> str:
        return (self.parcel.folder / CARD).read_text("utf-8")


def packed_before(job: Path) -> Packed | None:
    """Return the parcel of a job that was packed already; None where it is not whole or not there."""
    try:
        packed = Packed.model_validate_json((job / PARCEL).read_text("utf-8"))
    except (OSError, ValidationError):
        return None
    folder = packed.parcel.folder
    is_whole = all((folder / file.path).is_file() for file in packed.parcel.files)
    return packed if is_whole else None


def fresh_folder(job: Path) -> Path:
    """Empty the folder that the parcel is put together in."""
    folder = job / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (job / PARCEL).unlink(missing_ok=True)
    return folder


def put(source: Path, files: Chosen, folder: Path, home: Home) -> None:
    """Put chosen files into a parcel, and cut this machine's paths out of them."""
    for name in files.files:
        place(source / name, folder / name)
    paths.rewrite(folder, paths.roots(home.folder, source))
    _checksums_again(folder)


def close(
    job: Path,
    home: Home,
    kind: RepoKind,
    repo_id: str,
    is_private: bool,
    *,
    skipped: Sequence[Skipped] = (),
    warnings: Sequence[str] = (),
    questions: Mapping[str, str] | None = None,
) -> Packed:
    """List a filled folder, look for secrets, and write the parcel down.

    Raises:
        PublishRefused: a secret would go
    """
    folder = job / FOLDER
    parcel = Parcel(kind=kind, repo_id=repo_id, is_private=is_private, folder=folder, files=listed(folder))
    try:
        refuse_secrets(parcel)
    except PublishRefused:
        shutil.rmtree(folder)  # no second place for a secret
        raise
    told = [
        f"{name} still names a folder of this machine." for name in paths.mentions(folder, paths.roots(home.folder))
    ]
    packed = Packed(parcel=parcel, skipped=tuple(skipped), warnings=(*warnings, *told), asked_of=dict(questions or {}))
    with whole_file(job / PARCEL) as file:
        file.write(packed.model_dump_json(indent=2))
    return packed


def pack_dataset(
    job: Path, home: Home, source: DatasetSource, repo_id: str, is_private: bool, decision: Decision, card: str | None
) -> Packed:
    """Pack a dataset's folder.

    Raises:
        PublishRefused: nothing in it may go, or a secret would
    """
    folder = fresh_folder(job)
    files = chosen(source.folder, DATASET)
    if not files.files:
        raise PublishRefused(f"{source.folder} holds no file that may be published: JSONL, CSV or Parquet is needed.")
    put(source.folder, files, folder, home)
    write_card(folder, card or dataset_card(source, repo_id, decision, folder), home)
    return close(
        job,
        home,
        "dataset",
        repo_id,
        is_private,
        skipped=files.skipped,
        warnings=decision.warnings,
        questions={"licence": decision.conflict} if decision.conflict else None,
    )


def with_card(job: Path, home: Home, packed: Packed, card: str) -> Packed:
    """Put another card into a parcel, and close it again.

    Raises:
        PublishRefused: a secret would go
    """
    if card == packed.card:
        return packed
    parcel = packed.parcel
    write_card(parcel.folder, card, home)
    return close(
        job,
        home,
        parcel.kind,
        parcel.repo_id,
        parcel.is_private,
        skipped=packed.skipped,
        warnings=packed.warnings,
        questions=packed.asked_of,
    )


def write_card(folder: Path, card: str, home: Home) -> None:
    """Write a card, without this machine's paths."""
    (folder / CARD).write_text(card, "utf-8")
    paths.rewrite(folder, paths.roots(home.folder))
    _checksums_again(folder)


def _checksums_again(folder: Path) -> None:
    """Bring the checksums in dataset.json up to date: the card is another one now."""
    described = folder / "dataset.json"
    if not described.exists():
        return
    told = json.loads(described.read_text("utf-8"))
    files = told.get("files")
    if not isinstance(files, dict):
        return
    there = {name: folder / name for name in files if (folder / name).is_file()}
    told["files"] = {name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for name, path in there.items()}
    described.unlink()
    described.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", "utf-8")
