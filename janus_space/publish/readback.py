"""What was published, loaded back from the Hub into a clean place: the same bytes, and a model that says the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from janus_space.home import Home
from janus_space.publish.commit import Sent
from janus_space.publish.hub import Hub
from janus_space.publish.parcel import Parcel, sha256_of
from janus_space.publish.sources import ModelSource

Say = Callable[[str], None]


def read_back(parcel: Parcel, sent: Sent, hub: Hub, folder: Path) -> dict[str, Any]:
    """Download the commit into `folder`, which is emptied first, and compare every file.

    Raises:
        PublishBroken, PublishRefused: it cannot be downloaded
    """
    shutil.rmtree(folder, ignore_errors=True)

    def fetch() -> str:
        return str(
            snapshot_download(
                sent.repo_id,
                repo_type=parcel.kind,
                revision=sent.commit,
                cache_dir=folder / "cache",
                local_dir=folder / "files",
                allow_patterns=[file.path for file in parcel.files],
                endpoint=hub.endpoint,
                token=hub.api.token,
                max_workers=2,
            )
        )

    there = Path(hub.patiently(f"loading {sent.repo_id} back", fetch))
    differing = [file.path for file in parcel.files if not _is_same(there / file.path, file.sha256)]
    return {"files": len(parcel.files), "bytes": parcel.size_bytes, "differing": differing, "is_same": not differing}


def prove_again(source: ModelSource, folder: Path, home: Home, say: Say) -> Mapping[str, Any] | None:
    """Hold the model that came back to what it said when it was trained; None where nothing was stored of that."""
    stored = (source.roundtrip or {}).get("stored")
    if not stored:
        return None
    from trainer.roundtrip import as_whole, prove, remembered

    files = folder / "files"
    is_adapter = (files / "adapter_config.json").exists()
    config = source.config if is_adapter else as_whole(source.config)
    figures = prove(remembered(stored, source.weights), files, config, home.models, say)
    return {name: value for name, value in figures.items() if name != "stored"}


def _is_same(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256
