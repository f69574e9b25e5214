"""Every prompt sent to a model, as a text file with $slots."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from string import Template

from data_gen.errors import BadRequest


def fill(name: str, **slots: str) -> str:
    """Read `<name>.md` and put a text into each of its slots; a slot without text is a KeyError."""
    return Prompts().fill(name, **slots)


class Prompts:
    """The project's own prompts; a file of the same name in `folder` takes the place of one."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None and not folder.is_dir():
            raise BadRequest(f"There is no folder {folder} with prompts; name one that holds files like response.md.")
        self._folder = folder
        self._texts: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Return the prompt with its slots still open."""
        if name not in self._texts:
            own = None if self._folder is None else self._folder / f"{name}.md"
            place = own if own is not None and own.is_file() else files(__name__).joinpath(f"{name}.md")
            self._texts[name] = place.read_text("utf-8").strip()
        return self._texts[name]

    def fill(self, name: str, **slots: str) -> str:
        """Put a text into each slot; raise `BadRequest` for a slot that this prompt cannot have."""
        try:
            return Template(self.text(name)).substitute(slots)
        except (KeyError, ValueError) as error:
            if self._folder is None:
                raise
            known = ", ".join(f"${slot}" for slot in slots)
            raise BadRequest(
                f"The prompt {name}.md has an unknown slot ({error}); it may hold {known}, and $$ for a dollar."
            ) from error

    def sha256(self, name: str) -> str:
        """Return the checksum of a prompt's text, which tells records of different prompts apart."""
        return hashlib.sha256(self.text(name).encode()).hexdigest()
