"""The cards of a dataset and of a Space: what their folders tell, with the front matter that the Hub reads."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

import yaml

from janus_space.publish.licence import Decision
from janus_space.publish.sources import DatasetSource

_CARDS = Path(__file__).parent / "cards"
_SIZES = (("n<1K", 1_000), ("1K<n<10K", 10_000), ("10K<n<100K", 100_000), ("100K<n<1M", 1_000_000))
_TAG = "janus-space"
_KEPT = ("emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version")
_SIGN_IN = ("hf_oauth", "hf_oauth_scopes", "hf_oauth_expiration_minutes")


def dataset_card(source: DatasetSource, repo_id: str, decision: Decision, folder: Path) -> str:
    """Keep the card that the dataset has, and add licence, size and tags to what the Hub reads."""
    told = dict(source.metadata)
    told["license"] = decision.licence
    told["tags"] = list(dict.fromkeys([*(told.get("tags") or []), _TAG]))
    rows = rows_of(source, folder)
    if rows and "size_categories" not in told:
        told["size_categories"] = [next((name for name, below in _SIZES if rows < below), "n>1M")]
    return _page(told, _own_text(source) or _plain_text(source, repo_id, rows, folder))


def rows_of(source: DatasetSource, folder: Path) -> int:
    """Count the rows of the main table."""
    told = source.told.get("rows")
    if isinstance(told, dict):
        return max((int(count) for count in told.values()), default=0)
    if isinstance(told, int):
        return told
    tables = [path for path in sorted(folder.rglob("*.jsonl"))]
    return max((sum(1 for _ in path.open("rb")) for path in tables), default=0)


def _own_text(source: DatasetSource) -> str:
    if not source.card.startswith("---\n"):
        return source.card.strip()
    return source.card[4:].partition("\n---")[2].strip()


def _plain_text(source: DatasetSource, repo_id: str, rows: int, folder: Path) -> str:
    tables = [path for path in sorted(folder.rglob("*")) if path.suffix in (".jsonl", ".parquet", ".csv")]
    return Template((_CARDS / "dataset.md").read_text("utf-8")).substitute(
        title=repo_id.split("/")[1],
        summary=f"{rows:,} rows, published from Janus Space. Their author has written no card for them.",
        files="\n".join(f"| `{path.relative_to(folder).as_posix()}` | {path.stat().st_size:,} |" for path in tables),
        repo_id=repo_id,
    )


def space_card(repo_id: str, model: str, own: dict[str, Any], hardware: str) -> str:
    """Write the front matter of a Space like this one, for another model."""
    title = repo_id.split("/")[1].replace("-", " ").replace("_", " ").strip()
    kept = {name: own[name] for name in _KEPT if name in own}
    told: dict[str, Any] = {
        "title": title[:60],
        **kept,
        "app_file": "app.py",
        "license": own.get("license", "apache-2.0"),
        "pinned": False,
        "short_description": f"Ask {model.split('/')[-1]} under your own instructions"[:60],
        "suggested_hardware": hardware,
        **{name: own[name] for name in _SIGN_IN if name in own},
        "models": [model],
        "tags": [_TAG],
    }
    text = Template((_CARDS / "space.md").read_text("utf-8")).substitute(title=title, model=model)
    return _page(told, text)


def _page(front: dict[str, Any], text: str) -> str:
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{text.strip()}\n"
