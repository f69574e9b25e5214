"""Where instructions come from: a file, or a dataset on the Hub, whose commit is written down for a resumed run."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_gen.errors import BadRequest
from data_gen.instructions import GUESSED, READABLE_ENDINGS, Columns, Instruction, read_instructions
from data_gen.whole_file import whole_file

_HUB = "hub:"
_FORM = "hub:ORG/NAME, hub:ORG/NAME@REVISION or hub:ORG/NAME:data/train-*.parquet"
_SPEC = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^:\s]+))?(:(?P<files>\S+))?")


@dataclass(frozen=True)
class Source:
    """Files of instructions, and the name under which a dataset cites them."""

    name: str
    files: tuple[Path, ...]
    is_hub: bool = False

    def read(self, columns: Columns = GUESSED) -> Iterator[Instruction]:
        """Read the instructions of all files, in order."""
        for path in self.files:
            yield from read_instructions(path, columns, self.name.partition("@")[0] if self.is_hub else None)

    def sha256(self) -> str:
        """Return the checksum of all files, one after another."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while part := file.read(2**20):
                    digest.update(part)
        return digest.hexdigest()


def is_on_hub(instructions: Path) -> bool:
    """Say whether this names a dataset on the Hub rather than a file."""
    return str(instructions).startswith(_HUB)


def find_source(instructions: Path, job: Path) -> Source:
    """Find the files; what the Hub has to give is downloaded, at the commit that this job has seen first.

    Raises:
        BadRequest: there is nothing there that could be read
    """
    if not is_on_hub(instructions):
        return Source(instructions.name, (instructions,))
    spec = str(instructions)
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise BadRequest(f"{spec} names no dataset on the Hub; write {_FORM}.")
    pinned = job / "source.json"
    found = _pinned(pinned, spec) or _on_hub(match["repo"], match["revision"], match["files"])
    with whole_file(pinned) as file:
        json.dump({"instructions": spec, "commit": found.commit, "files": found.files}, file, indent=2)
    files = tuple(_download(match["repo"], found.commit, name) for name in found.files)
    return Source(f"{match['repo']}@{found.commit}", files, is_hub=True)


@dataclass(frozen=True)
class _Commit:
    commit: str
    files: Sequence[str]


def _pinned(path: Path, instructions: str) -> _Commit | None:
    try:
        told = json.loads(path.read_text("utf-8"))
        return _Commit(told["commit"], told["files"]) if told["instructions"] == instructions else None
    except (OSError, ValueError, KeyError):
        return None


def _on_hub(repo: str, revision: str | None, pattern: str | None) -> _Commit:
    # Imported here: it costs a third of a second, and most instructions are files.
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        info = huggingface_hub.HfApi().dataset_info(repo, revision=revision)
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise BadRequest(
            f"The dataset {repo} cannot be read from the Hub ({_first_line(error)}): check its name, that you may read"
            " it, and the network."
        ) from error
    names = sorted(one.rfilename for one in info.siblings or ())
    readable = [name for name in names if name.removesuffix(".gz").endswith(READABLE_ENDINGS)]
    if pattern is not None:
        chosen = fnmatch.filter(readable, pattern)
    else:
        chosen = [name for name in readable if "train" in name] or readable
    if not chosen or info.sha is None:
        raise BadRequest(
            f"{repo} has no file {pattern or ''} of instructions; it has {', '.join(names[:10]) or 'no files'}."
        )
    return _Commit(info.sha, chosen)


def _download(repo: str, commit: str, name: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(huggingface_hub.hf_hub_download(repo, name, repo_type="dataset", revision=commit))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise BadRequest(f"{name} of {repo} cannot be downloaded ({_first_line(error)}): try again.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
