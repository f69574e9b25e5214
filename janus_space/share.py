"""A share link's code: one whole comparison inside a URL, so that no server keeps it. It has no keys and no devices."""

from __future__ import annotations

import base64
import re
import zlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from data_gen.chat import Sampling
from janus_space.comparison import Column, Comparison, Turn
from janus_space.errors import BadLink

VERSION = "1"
MAX_CODE_CHARACTERS = 8_000
MAX_UNPACKED_BYTES = 200_000
MAX_LINK_COLUMNS = 4

# The order in which a code bears them: old links keep their meaning when a default changes.
_KNOBS = ("temperature", "top_p", "repetition_penalty", "max_new_tokens", "seed", "stop")
_Knobs = tuple[float, float, float, int, int | None, tuple[str, ...]]
_DAMAGED = "This share link is damaged or was not made by Janus Space; ask for it again."


class _Packed(BaseModel):
    """What a code holds: m models, s system messages, q questions, a answers a question, k knobs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    m: Annotated[tuple[str, ...], Field(max_length=MAX_LINK_COLUMNS)]
    s: tuple[str | None, ...]
    q: tuple[str, ...]
    a: tuple[tuple[str | None, ...], ...] = ()
    k: _Knobs

    @model_validator(mode="after")
    def _fits_together(self) -> _Packed:
        if len(self.s) != len(self.m) or len(self.a) not in (0, len(self.q)):
            raise ValueError("columns or turns do not fit together")
        return self


def to_code(comparison: Comparison, include_answers: bool = False) -> str:
    """Pack a comparison; raise `BadLink` where a link cannot hold it. Without answers a later turn starts afresh."""
    if len(comparison.columns) > MAX_LINK_COLUMNS:
        raise BadLink(
            f"A share link holds at most {MAX_LINK_COLUMNS} columns; this comparison has {len(comparison.columns)}."
        )
    _refuse_credentials(comparison)
    packed = _Packed(
        m=tuple(column.model for column in comparison.columns),
        s=tuple(column.system for column in comparison.columns),
        q=tuple(turn.prompt for turn in comparison.turns),
        a=tuple(turn.answers for turn in comparison.turns) if include_answers else (),
        k=tuple(getattr(comparison.sampling, knob) for knob in _KNOBS),
    )
    unpacked = packed.model_dump_json(exclude_defaults=True).encode()
    code = VERSION + base64.urlsafe_b64encode(zlib.compress(unpacked, 9)).decode().rstrip("=")
    if len(code) > MAX_CODE_CHARACTERS or len(unpacked) > MAX_UNPACKED_BYTES:
        way_out = "share it without the answers, or export it" if include_answers else "export it instead"
        raise BadLink(f"This comparison is too long for a link; {way_out}.")
    return code


def from_code(code: str) -> Comparison:
    """Unpack a code from a link that anybody may have written; raise `BadLink` for whatever is not a comparison."""
    if len(code) > MAX_CODE_CHARACTERS:
        raise BadLink(f"This share link is too long: {len(code)} characters, at most {MAX_CODE_CHARACTERS} are read.")
    if code.startswith(tuple("23456789")):
        raise BadLink("This share link comes from a newer Janus Space; update this one to open it.")
    try:
        packed = _Packed.model_validate_json(_unpacked(code))
        comparison = Comparison(
            columns=tuple(Column(model=model, system=system) for model, system in zip(packed.m, packed.s, strict=True)),
            turns=tuple(
                Turn(prompt=prompt, answers=answers)
                for prompt, answers in zip(packed.q, packed.a or [()] * len(packed.q), strict=True)
            ),
            sampling=Sampling(**dict(zip(_KNOBS, packed.k, strict=True))),
        )
    except (ValueError, zlib.error) as error:
        raise BadLink(_DAMAGED) from error
    _refuse_credentials(comparison)
    return comparison


def _unpacked(code: str) -> bytes:
    """Undo the packing, never into more memory than the cap."""
    if not code.startswith(VERSION):
        raise ValueError("no version")
    body = code[len(VERSION) :].encode("ascii")
    packed = base64.b64decode(body + b"=" * (-len(body) % 4), altchars=b"-_", validate=True)
    inflater = zlib.decompressobj()
    unpacked = inflater.decompress(packed, MAX_UNPACKED_BYTES)
    if not inflater.eof or inflater.unused_data:
        raise ValueError("cut off, followed by something else, or larger than the cap")
    return unpacked


def _refuse_credentials(comparison: Comparison) -> None:
    """Refuse an address with a user name, a password or a query, where a key may hide."""
    if any(re.search(r"://([^/?#]*@|.*[?])", column.model) for column in comparison.columns):
        raise BadLink(
            "A share link never carries a user name, password or ?query; take them out of the model's address."
        )
