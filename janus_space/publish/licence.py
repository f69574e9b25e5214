"""Which licence a publication bears, held against those of what it was made from.

A licence that is unknown is a warning, and the publication says `other` unless a person chooses. One that the choice
contradicts is a question for a person: this file knows families of licences, and is no lawyer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

PERMISSIVE = {
    "apache-2.0",
    "mit",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "isc",
    "unlicense",
    "cc0-1.0",
    "cc-by-2.0",
    "cc-by-3.0",
    "cc-by-4.0",
    "odc-by",
    "cdla-permissive-1.0",
    "cdla-permissive-2.0",
    "pddl",
    "ms-pl",
    "zlib",
    "wtfpl",
}
UNKNOWN = "other"
_NO_DERIVATIVES = ("-nd",)
_NON_COMMERCIAL = ("-nc",)


class Origin(NamedTuple):
    """Something that a publication is made from, in words, and its licence as the Hub writes it; None if unknown."""

    what: str
    licence: str | None


class Decision(NamedTuple):
    """The licence to publish under, what to know about it, and what only a person can decide."""

    licence: str
    warnings: tuple[str, ...]
    conflict: str | None


def decide(origins: Sequence[Origin], wish: str | None) -> Decision:
    """Choose a licence, or hold the one that is wished against what the publication is made from."""
    known = [Origin(one.what, normal(one.licence)) for one in origins]
    warnings = tuple(
        f"The licence of {one.what} is not known: find out what it allows before others build on this."
        for one in known
        if one.licence in (None, UNKNOWN)
    )
    wished = normal(wish)
    licence = wished or _follows_from(known)
    conflicts = [sentence for one in known if (sentence := _conflict(one, licence)) is not None]
    return Decision(licence, warnings, " ".join(conflicts) or None)


def normal(licence: str | None) -> str | None:
    """Write a licence as the Hub does."""
    text = (licence or "").strip().lower().replace(" ", "-")
    return text or None


def _follows_from(origins: Sequence[Origin]) -> str:
    """Take over the licence that binds, else the first permissive one; `other` where one is not known."""
    licences = [one.licence for one in origins]
    binding = [licence for licence in licences if licence not in (None, UNKNOWN) and licence not in PERMISSIVE]
    if binding:
        return str(binding[0])
    if not licences or None in licences or UNKNOWN in licences:
        return UNKNOWN
    return str(licences[0])


def _conflict(origin: Origin, licence: str) -> str | None:
    theirs = origin.licence
    if theirs is None or theirs == UNKNOWN or theirs in PERMISSIVE:
        return None
    if any(mark in theirs for mark in _NO_DERIVATIVES):
        return f"{origin.what} is under {theirs}, which forbids to publish what is made from it."
    if theirs == licence:
        return None
    if any(mark in theirs for mark in _NON_COMMERCIAL):
        if any(mark in licence for mark in _NON_COMMERCIAL) and "-sa" not in theirs:
            return None
        return f"{origin.what} is under {theirs}, for non-commercial use only; {licence} would allow more than that."
    return (
        f"{origin.what} is under {theirs}, which asks that what is made from it bears the same licence, not {licence}."
    )
