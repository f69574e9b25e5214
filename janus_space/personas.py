"""Personas: named sets of preferences, in a gallery and as files that people keep, share and bring back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from data_gen.json_file import parse
from data_gen.system_message import MAX_PICKS, write
from data_gen.wording import Slug

_GALLERY = Path(__file__).parents[1] / "assets" / "personas.json"
MAX_FILE_BYTES = 500_000
MAX_PERSONAS = 200


class Persona(BaseModel):
    """Someone with preferences. `system` is set only where the message was edited by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=60)
    who: str = Field("", max_length=160, description="Who this is, in a line")
    preferences: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=MAX_PICKS)]
    seed: int = Field(0, ge=0, lt=2**31, description="Which of the many wordings of these preferences")
    system: str | None = Field(None, min_length=1, max_length=8_000)

    @field_validator("preferences")
    @classmethod
    def _no_doubles(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(ids)) < len(ids):
            raise ValueError("names the same preference twice")
        return ids

    def system_message(self, hierarchy: Hierarchy) -> str:
        """Return the message as it was edited, or else as it is written from the preferences."""
        return self.system or write(hierarchy.pick(self.preferences), self.seed).text


class PersonaFile(BaseModel):
    """The form of the gallery, of an export and of an import."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["janus-space personas"] = "janus-space personas"
    version: Literal[1] = 1
    personas: tuple[Persona, ...] = Field(min_length=1, max_length=MAX_PERSONAS)


@cache
def gallery() -> tuple[Persona, ...]:
    """Read the personas that come with the Space."""
    return parse(_GALLERY.read_bytes(), _GALLERY.name, PersonaFile, MAX_FILE_BYTES).personas


def to_json(personas: Sequence[Persona]) -> str:
    """Write the file that `from_json` reads."""
    if not personas:
        raise BadRequest("There is no persona to export; save one first.")
    file = PersonaFile(personas=tuple(personas))
    return file.model_dump_json(indent=1, exclude_none=True) + "\n"


def from_json(data: bytes, file_name: str, hierarchy: Hierarchy) -> tuple[Persona, ...]:
    """Read a file of personas; raise `BadRequest` with the place for whatever this hierarchy cannot honour."""
    personas = parse(data, file_name, PersonaFile, MAX_FILE_BYTES).personas
    for persona in personas:
        for name in persona.preferences:
            if name not in hierarchy.leaves:
                raise BadRequest(
                    f"{file_name}: the persona '{persona.name}' has the preference '{name}', which is not in this "
                    "hierarchy; load the hierarchy file it comes from first."
                )
    return personas
