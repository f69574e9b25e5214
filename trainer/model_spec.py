"""A model spec: the short text that names a model of this machine or of the Hub.

    embedded:NAME[+ADAPTER]              embedded:smollm2, embedded:janus-135m
    hf:ORG/NAME[@REVISION][+ADAPTER]     hf:kaist-ai/janus-7b@main+me/my-adapter
    path:FOLDER[+ADAPTER]                path:~/models/mistral+./run/adapter

ADAPTER is a folder (it starts with / . or ~, or it exists) or ORG/NAME[@REVISION] on the Hub.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from trainer.errors import ModelNotFound, ModelRefused

Kind = Literal["embedded", "hf", "path"]

MAX_SPEC_CHARACTERS = 500
MAX_NAME_BYTES = 255  # of one file or folder, on every usual file system
FORMS = "embedded:smollm2, hf:org/name, hf:org/name@revision or path:/a/folder, each with +adapter at the end if wanted"

_ASSETS = Path(__file__).parents[1] / "assets"
EMBEDDED_ADAPTERS = {"janus-135m": ("smollm2", _ASSETS / "janus_135m")}
"""Adapters that come with the project, by name: the embedded model they are for, and their folder."""

_WORD = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"  # one half of a repository id, as the Hub allows it
_EMBEDDED_NAME = re.compile(_WORD)
_REPOSITORY = re.compile(f"{_WORD}/{_WORD}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,127}")


@dataclass(frozen=True)
class ModelSpec:
    """Where a model's weights lie. `name` is the embedded name, the repository id or the folder, by `kind`."""

    kind: Kind
    name: str
    revision: str | None = None
    adapter: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelSpec:
        """Read a spec; `parse(str(spec))` gives the same spec again."""
        text = text.strip()
        _refuse_hostile(text)
        kind, _, rest = text.partition(":")
        if kind not in get_args(Kind):
            raise ModelNotFound(f"{text!r} names no model: write {FORMS}.")
        base, adapter = _split_adapter(rest, may_be_folder=kind == "path")
        if adapter is not None and not is_folder_name(adapter):
            parse_repository(adapter)
        if kind == "hf":
            name, revision = parse_repository(base)
            return cls("hf", name, revision, adapter)
        if not base or (kind == "embedded" and not _EMBEDDED_NAME.fullmatch(base)):
            raise ModelNotFound(f"{text!r} names no model: write {FORMS}.")
        if kind == "embedded" and base in EMBEDDED_ADAPTERS and adapter is None:
            of, folder = EMBEDDED_ADAPTERS[base]
            return cls("embedded", of, None, str(folder))
        return cls("path" if kind == "path" else "embedded", base, None, adapter)

    @property
    def base(self) -> str:
        """The spec of the same weights without the adapter: columns with equal bases share one model in memory."""
        return str(replace(self, adapter=None))

    @property
    def names_a_folder(self) -> bool:
        """Tell whether it reads a folder of somebody's choice; the project's own is not one."""
        if self.kind == "path":
            return True
        own = {str(folder) for _, folder in EMBEDDED_ADAPTERS.values()}
        return self.adapter is not None and self.adapter not in own and is_folder_name(self.adapter)

    def __str__(self) -> str:
        revision = "" if self.revision is None else f"@{self.revision}"
        adapter = "" if self.adapter is None else f"+{self.adapter}"
        return f"{self.kind}:{self.name}{revision}{adapter}"


def parse_repository(text: str) -> tuple[str, str | None]:
    """Split `org/name[@revision]` into the Hub's repository id and the revision."""
    repository, at, revision = text.partition("@")
    named = _REPOSITORY.fullmatch(repository) and "--" not in repository and not repository.endswith(".git")
    if not named or (at and not _REVISION.fullmatch(revision)):
        raise ModelNotFound(f"{text!r} is no repository of the Hub: write org/name or org/name@revision.")
    return repository, revision or None


def is_folder_name(adapter: str) -> bool:
    """Tell a folder from a repository of the Hub; a relative folder needs ./ in front unless it exists."""
    return adapter.startswith(("/", ".", "~")) or Path(adapter).exists()


def local_folder(text: str) -> Path:
    """Expand a leading ~; the ~ of a person unknown here is part of a name."""
    with suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def _split_adapter(rest: str, may_be_folder: bool) -> tuple[str, str | None]:
    # A folder whose own name holds a plus sign is taken whole.
    if may_be_folder and local_folder(rest).is_dir():
        return rest, None
    base, plus, adapter = rest.partition("+")
    if plus and not adapter:
        raise ModelNotFound(f"{rest!r} ends with a plus sign: write the adapter's folder or org/name behind it.")
    return base, adapter or None


def _refuse_hostile(text: str) -> None:
    if len(text) > MAX_SPEC_CHARACTERS:
        raise ModelRefused(
            f"The model spec {text[:40]!r}… has more than {MAX_SPEC_CHARACTERS} characters: write {FORMS}."
        )
    if not text.isprintable():
        raise ModelRefused(f"The model spec {text!r} holds control characters: write {FORMS}.")
    if any(len(name.encode()) > MAX_NAME_BYTES for name in text.split("/")):
        raise ModelRefused(f"The model spec {text[:40]!r}… holds a name that no file can have: write {FORMS}.")
    if ".." in re.split(r"[/\\:+@]", text):
        raise ModelRefused(f"The model spec {text!r} climbs with '..': write the folder's full path.")
