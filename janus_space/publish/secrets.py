"""Secrets in what would go. One is enough to stop everything: what is published once is out for good."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from janus_space.errors import PublishRefused
from janus_space.publish.parcel import Parcel

_KINDS = {
    "a Hugging Face token": rb"\bhf_[A-Za-z0-9]{30,}",
    "an OpenAI or Anthropic key": rb"\bsk-[A-Za-z0-9_-]{20,}",
    "a GitHub token": rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "an AWS key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Google key": rb"\bAIza[0-9A-Za-z_-]{35}",
    "a Slack token": rb"\bxox[abeoprs]-[0-9A-Za-z-]{10,}",
    "a GitLab token": rb"\bglpat-[0-9A-Za-z_-]{20,}",
    "a private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a password in an address": rb"\b[a-z][a-z0-9+.-]{1,10}://[^/\s:@\"'<>]{1,64}:[^/\s:@\"'<>{}]{6,64}@[a-z0-9]",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_SHORTEST_VALUE = 12
_CHUNK_BYTES = 4 * 2**20
_OVERLAP_BYTES = 4096


class Finding(NamedTuple):
    """Where something stands that looks like a secret; the secret itself is never repeated."""

    path: str
    line: int | None
    kind: str

    def __str__(self) -> str:
        return f"{self.path}{f', line {self.line},' if self.line else ''} holds what looks like {self.kind}"


def refuse_secrets(parcel: Parcel, environ: Mapping[str, str] = os.environ) -> None:
    """Read every file that would go.

    Raises:
        PublishRefused: one holds what looks like a secret, or a value of this machine's own environment
    """
    values = known_values(environ)
    found = [one for file in parcel.files for one in findings(parcel.folder / file.path, file.path, values)]
    if found:
        more = f", and {len(found) - 3} more" if len(found) > 3 else ""
        raise PublishRefused(
            f"Nothing was sent, for {'; '.join(map(str, found[:3]))}{more}: take it out there, make it invalid where it"
            " comes from, and publish again."
        )


def known_values(environ: Mapping[str, str]) -> list[bytes]:
    """Return the values of variables that are called like secrets."""
    named = (value for name, value in environ.items() if _SECRET_NAME.search(name))
    return [value.encode() for value in named if len(value) >= _SHORTEST_VALUE and not Path(value).exists()]


def findings(file: Path, name: str, values: Iterable[bytes] = ()) -> Iterator[Finding]:
    """Yield what looks like a secret in a file, the first of each kind."""
    seen: set[str] = set()
    patterns = (
        _PATTERNS | {"a key of this machine": re.compile(b"|".join(map(re.escape, values)))} if values else _PATTERNS
    )
    line = 1
    for chunk, is_text in _chunks(file):
        for kind, pattern in patterns.items():
            hit = pattern.search(chunk)
            if hit is not None and kind not in seen:
                seen.add(kind)
                yield Finding(name, line + chunk.count(b"\n", 0, hit.start()) if is_text else None, kind)
        line += chunk.count(b"\n", 0, max(0, len(chunk) - _OVERLAP_BYTES))


def _chunks(file: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield what a person could have written into a file: of weights the header, of tables the cells."""
    if file.suffix == ".safetensors":
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            yield opened.read(min(length, 64 * 2**20)), False
    elif file.suffix == ".parquet":
        yield from ((json.dumps(rows, default=str).encode(), False) for rows in _tables(file))
    else:
        yield from ((chunk, True) for chunk in _text(file))


def _text(file: Path) -> Iterator[bytes]:
    """Read in pieces that overlap, so that nothing is torn at an edge."""
    size = file.stat().st_size
    edges = [*range(0, max(size, 1), _CHUNK_BYTES), size]
    with file.open("rb") as opened:
        for start, end in pairwise(edges):
            opened.seek(max(0, start - _OVERLAP_BYTES) if start else 0)
            yield opened.read(end - opened.tell())


def _tables(file: Path) -> Iterator[list[dict[str, object]]]:
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(file)
    yield [{"metadata": str(table.schema_arrow.metadata)}]
    for batch in table.iter_batches(batch_size=1000):
        yield batch.to_pylist()
