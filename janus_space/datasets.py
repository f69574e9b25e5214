"""A dataset folder ready to train: train.jsonl, dataset.json with counts and checksums, and a card that loads it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_gen.pairs import PreferencePair, pairs_from_votes
from janus_space.errors import DatasetRefused
from janus_space.votes import Vote
from trainer.storage import writing_to

# The columns are declared, because a reader that guesses finds no type for a column of nulls only.
_CARD = """\
---
configs:
- config_name: default
  data_files:
  - split: train
    path: train.jsonl
dataset_info:
- config_name: default
  features:
  - name: main_source
    dtype: string
  - name: original_source
    dtype: string
  - name: system
    dtype: string
  - name: prompt
    dtype: string
  - name: chosen
    list:
    - name: role
      dtype: string
    - name: content
      dtype: string
  - name: rejected
    list:
    - name: role
      dtype: string
    - name: content
      dtype: string
  - name: vote
    dtype: string
  - name: chosen_model
    dtype: string
  - name: rejected_model
    dtype: string
tags:
- preference
- janus-space
---

# Preference pairs from votes

{rows} preference pairs from {votes} votes in Janus Space. A person read two answers to the same prompt under the same
system message and preferred `chosen` to `rejected`. `system` is null where no system message was sent.

Load it with `datasets.load_dataset` and the path of this folder. `dataset.json` holds the counts, the models that
answered, and the checksum of every file.

{left_out}

The answers were written by the models named in `chosen_model` and `rejected_model`: before you publish these pairs or
a model trained on them, check what those models' licences allow.
"""


@dataclass(frozen=True)
class PairsDataset:
    """What dataset.json says. `left_out` counts pairs of answers by reason; a vote without a winner counts once."""

    made_at: str
    rows: int
    votes: int
    left_out: dict[str, int]
    sources: dict[str, int]
    chosen_models: dict[str, int]
    rejected_models: dict[str, int]
    files: dict[str, dict[str, int | str]]


def write_pairs_dataset(votes: Iterable[Vote], folder: Path) -> PairsDataset:
    """Turn votes into preference pairs and write them as a dataset folder, whole or not at all.

    Raises:
        DatasetRefused: the folder is in use, or no vote gives a pair
        StorageFailed: the disk is full or read-only
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetRefused(f"{folder} is not an empty folder: name a new one for the dataset.")
    judged = [vote.model_dump(mode="json") for vote in votes]
    pairs, left_out = pairs_from_votes(judged)
    reasons = {str(reason): count for reason, count in left_out.items()}
    if not pairs:
        raise DatasetRefused(f"These {len(judged)} votes give no preference pair. {_in_words(reasons)}")
    with writing_to(folder.parent, "the dataset's folder"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            dataset = _fill(unfinished, pairs, reasons, len(judged))
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return dataset


def _fill(folder: Path, pairs: list[PreferencePair], left_out: dict[str, int], n_votes: int) -> PairsDataset:
    rows = "".join(pair.model_dump_json() + "\n" for pair in pairs)
    card = _CARD.format(rows=len(pairs), votes=n_votes, left_out=_in_words(left_out))
    dataset = PairsDataset(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=len(pairs),
        votes=n_votes,
        left_out=left_out,
        sources=dict(Counter(pair.main_source for pair in pairs)),
        chosen_models=dict(Counter(pair.chosen_model for pair in pairs)),
        rejected_models=dict(Counter(pair.rejected_model for pair in pairs)),
        files={name: _write(folder / name, text) for name, text in (("train.jsonl", rows), ("README.md", card))},
    )
    _write(folder / "dataset.json", json.dumps(asdict(dataset), ensure_ascii=False, indent=2) + "\n")
    return dataset


def _write(path: Path, text: str) -> dict[str, int | str]:
    content = text.encode()
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _in_words(left_out: dict[str, int]) -> str:
    if not left_out:
        return "No vote was left out."
    reasons = "; ".join(f"{count} × {reason}" for reason, count in sorted(left_out.items()))
    return f"Left out: {reasons}."
