"""Every prompt sent to a model, as a text file with $slots."""

from __future__ import annotations

from importlib.resources import files
from string import Template


def fill(name: str, **slots: str) -> str:
    """Read `<name>.md` and put a text into each of its slots; a slot without text is a KeyError."""
    return Template(files(__name__).joinpath(f"{name}.md").read_text("utf-8").strip()).substitute(slots)
