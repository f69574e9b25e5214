"""A Space of one's own: this app as it lies here, set up for a model that is on the Hub.

Everything it needs goes along, so "Duplicate" works: the model's name stands in `app.py`, and no setting is needed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import hf_hub_download

from janus_space.errors import PublishRefused
from janus_space.home import Home
from janus_space.publish.allowed import Skipped
from janus_space.publish.folder_cards import space_card
from janus_space.publish.hub import Hub
from janus_space.publish.packing import Packed, close, fresh_folder, write_card
from janus_space.publish.parcel import CARD, place
from janus_space.publish.sources import front_matter
from janus_space.publish_order import Hardware

_ROOT = Path(__file__).parents[2]
_NEEDED = ("app.py", "requirements.txt", CARD)
_PACKAGES = ("janus_space", "trainer", "data_gen")
_CODE = (".py", ".md", ".txt", ".json", ".yaml", ".yml", ".jinja")
_ASSETS = (*_CODE, ".css", ".js", ".svg", ".png", ".jsonl", ".safetensors")
_APP = '''"""The front door of this Space: Janus Space, set up for {model}."""

from __future__ import annotations

import sys

from janus_space.ui.launch import Wishes, launch

MODEL = {spec}

if __name__ == "__main__":
    sys.exit(launch(Wishes(model=MODEL)))
'''
_LARGE_FROM_BYTES = 4 * 2**30
_SUGGESTED = {"cpu": "cpu-basic", "zero": "zero-a10g", "gpu": "t4-small"}
_ZERO_PYTHON = "3.12"  # ZeroGPU has 3.10 and 3.12 only
_ZERO_PIN = "spaces==0.51.3             # lends a GPU for each answer, on ZeroGPU\n"


class OnHub(NamedTuple):
    """A model on the Hub: how it is asked here, and how much there is to load for it."""

    repo_id: str
    spec: str
    size_bytes: int


def model_on_hub(hub: Hub, repo_id: str) -> OnHub:
    """Find out whether a repository holds an adapter, and for which base.

    Raises:
        PublishRefused: it is not there, or holds no model
    """
    repo_id = repo_id.removeprefix("hf:")
    info = hub.patiently(f"looking at {repo_id}", lambda: hub.api.model_info(repo_id, files_metadata=True))
    sizes = {one.rfilename: one.size or 0 for one in info.siblings or ()}
    if "adapter_config.json" not in sizes:
        if "config.json" not in sizes:
            raise PublishRefused(f"{repo_id} holds no model: name one that is published.")
        return OnHub(repo_id, f"hf:{repo_id}", sum(sizes.values()))

    def read() -> str:
        name = "adapter_config.json"
        return hf_hub_download(repo_id, name, revision=info.sha, endpoint=hub.endpoint, token=hub.api.token)

    told = json.loads(Path(hub.patiently(f"reading {repo_id}", read)).read_text("utf-8"))
    base, revision = told.get("base_model_name_or_path"), told.get("revision")
    if not isinstance(base, str) or base.count("/") != 1 or base.startswith(("/", ".")):
        raise PublishRefused(f"{repo_id} is an adapter that does not name its base on the Hub: publish it merged.")
    return OnHub(repo_id, f"hf:{base}{f'@{revision}' if revision else ''}+{repo_id}", sum(sizes.values()))


def pack_space(
    job: Path, home: Home, model: OnHub, repo_id: str, is_private: bool, card: str | None, hardware: Hardware = "auto"
) -> Packed:
    """Pack this app for a model.

    Raises:
        PublishRefused: the app's own files are not here, or a secret would go
    """
    if absent := [name for name in _NEEDED if not (_ROOT / name).is_file()]:
        raise PublishRefused(
            f"{absent[0]} of Janus Space is not here: publish a Space from a checkout of its repository."
        )
    folder = fresh_folder(job)
    skipped: list[Skipped] = []
    for name in (*_PACKAGES, "assets"):
        _put_tree(name, folder, skipped)
    for name in ("requirements.txt", "LICENSE"):
        if (_ROOT / name).is_file():
            place(_ROOT / name, folder / name)
    (folder / "app.py").write_text(_APP.format(model=model.repo_id, spec=json.dumps(model.spec)), "utf-8")
    own = front_matter((_ROOT / CARD).read_text("utf-8"))
    if hardware == "auto":
        hardware = "gpu" if model.size_bytes > _LARGE_FROM_BYTES else "cpu"
    if hardware == "zero":
        own["python_version"] = _ZERO_PYTHON
        pins = (_ROOT / "requirements.txt").read_text("utf-8")
        (folder / "requirements.txt").unlink()  # which may be a link to this checkout's
        (folder / "requirements.txt").write_text(pins + _ZERO_PIN, "utf-8")
    write_card(folder, card or space_card(repo_id, model.repo_id, own, _SUGGESTED[hardware]), home)
    return close(job, home, "space", repo_id, is_private, skipped=skipped)


def _put_tree(name: str, folder: Path, skipped: list[Skipped]) -> None:
    wanted = _ASSETS if name == "assets" else _CODE
    for path in sorted((_ROOT / name).rglob("*")):
        inside = path.relative_to(_ROOT)
        if not path.is_file() or "__pycache__" in inside.parts:
            continue
        if path.is_symlink() or path.suffix not in wanted or any(part.startswith(".") for part in inside.parts):
            skipped.append(Skipped(inside.as_posix(), "it is not part of the app"))
        else:
            place(path, folder / inside)
