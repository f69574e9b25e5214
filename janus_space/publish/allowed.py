"""Which files may go. What is not on the list stays here, and is named with the reason."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
)
CURVES = "training.svg"
"""The picture of the run that the card shows, drawn here."""
ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "train_request.json", *_TOKENIZER)
WEIGHTS = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "model-*-of-*.safetensors",
    "model.safetensors.index.json",
    "train_request.json",
    *_TOKENIZER,
)
DATASET = (
    "*.jsonl",
    "*.parquet",
    "*.csv",
    "data/*.jsonl",
    "data/*.parquet",
    "dataset.json",
    "quality.json",
    "quality.md",
)
"""Without README.md: the card is made anew, or brought by its author."""

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".msgpack")


class Skipped(NamedTuple):
    """A file that stays here, and why."""

    path: str
    why: str


class Chosen(NamedTuple):
    """The files of a folder that may go, by their paths in it, and those that may not."""

    files: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def chosen(folder: Path, allowed: Sequence[str], made_anew: Sequence[str] = ("README.md",)) -> Chosen:
    """Sort the files of a folder; links are never followed, so that nothing from elsewhere goes along."""
    files, skipped = [], []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if path.is_symlink():
            skipped.append(Skipped(name, "it is a link"))
        elif any(_matches(name, pattern) for pattern in allowed):
            files.append(name)
        elif name not in made_anew:
            skipped.append(Skipped(name, _why(name)))
    return Chosen(tuple(files), tuple(skipped))


def _matches(name: str, pattern: str) -> bool:
    return name.count("/") == pattern.count("/") and fnmatch.fnmatchcase(name, pattern)


def _why(name: str) -> str:
    last = name.rpartition("/")[2]
    if last.endswith(_PICKLES):
        return "files of this kind can run code when they are opened"
    if last.endswith((".txt", ".log", ".out")):
        return "it may be a log"
    if last.startswith("."):
        return "it is hidden"
    return "it is not on the list of what others need"
