"""The preference hierarchy: dimension → subdimension → preference, read from one file or several and checked."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from data_gen.errors import BadRequest
from data_gen.json_file import parse
from data_gen.preferences import DIMENSIONS, Dimension, Preference, PreferenceSet
from data_gen.wording import Entry, Slug

MAX_FILE_BYTES = 2_000_000


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Leaf(Entry):
    """One preference in its place in the tree."""

    dimension: Dimension
    subdimension: str

    def as_preference(self) -> Preference:
        """Drop the wording: what a record of the collection holds."""
        return Preference(**self.model_dump(include=set(Preference.model_fields)))


class Subdimension(_Strict):
    """A branch of one dimension; `signs` are words by which people speak of it, `*` standing for any ending."""

    id: Slug
    label: str = ""
    description: str = ""
    signs: tuple[str, ...] = ()
    preferences: tuple[Entry, ...] = ()


class DimensionBranch(_Strict):
    """One of the four dimensions, with the question it answers."""

    id: Dimension
    label: str = ""
    question: str = ""
    subdimensions: tuple[Subdimension, ...] = ()


class Clash(_Strict):
    """Each preference of `one` contradicts each of `other`."""

    one: tuple[Slug, ...] = Field(min_length=1)
    other: tuple[Slug, ...] = Field(min_length=1)
    note: str = Field(min_length=1, max_length=200)


class _File(_Strict):
    dimensions: tuple[DimensionBranch, ...] = ()
    conflicts: tuple[Clash, ...] = ()


class Conflict(NamedTuple):
    """Two preferences that contradict each other, by id, and how."""

    first: str
    second: str
    note: str


class Hierarchy(_Strict):
    """The tree. Ids of preferences are unique in all of it, and stay what they are when a preference moves."""

    dimensions: tuple[DimensionBranch, ...]
    clashes: tuple[Clash, ...] = ()

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Hierarchy:
        """Merge files of one form, the first being the ground; raise `BadRequest` with file and place."""
        files = [(path, _read(path)) for path in paths]
        _refuse_doubles(files)
        dimensions = tuple(
            _merged([one for _, file in files for one in file.dimensions if one.id == name], name)
            for name in DIMENSIONS
        )
        hierarchy = cls(dimensions=dimensions, clashes=tuple(clash for _, file in files for clash in file.conflicts))
        for path, file in files:
            for clash in file.conflicts:
                for name in {*clash.one, *clash.other} - hierarchy.leaves.keys():
                    raise BadRequest(
                        f"{path.name}: a conflict names the preference '{name}', which no file has; correct the id."
                    )
        return hierarchy

    @cached_property
    def leaves(self) -> dict[str, Leaf]:
        """Every preference by its id, in the order of the tree."""
        return {
            entry.id: Leaf(dimension=branch.id, subdimension=subdimension.id, **entry.model_dump())
            for branch in self.dimensions
            for subdimension in branch.subdimensions
            for entry in subdimension.preferences
        }

    def pick(self, ids: Iterable[str]) -> list[Leaf]:
        """Return these preferences in this order; raise `BadRequest` for an id that is not there."""
        ids = list(ids)
        for name in ids:
            if name not in self.leaves:
                raise BadRequest(
                    f"There is no preference '{name}' in this hierarchy; it may belong to a file that is not loaded."
                )
        return [self.leaves[name] for name in ids]

    def preference_set(self, ids: Iterable[str]) -> PreferenceSet:
        """Make a record's set of four picks in any order; raise `BadRequest` unless there is one a dimension."""
        picked = sorted(self.pick(ids), key=lambda leaf: DIMENSIONS.index(leaf.dimension))
        if tuple(leaf.dimension for leaf in picked) != DIMENSIONS:
            raise BadRequest(
                f"A preference set is one preference from each of {', '.join(DIMENSIONS)}; pick exactly these four."
            )
        return PreferenceSet.model_validate([leaf.as_preference() for leaf in picked])

    def search(self, text: str) -> list[Leaf]:
        """Find what has words beginning with those of `text`: in its keywords first, then its place and description."""
        wanted = _words(text)
        ranked = []
        for leaf in self.leaves.values():
            fields = [leaf.preference, f"{leaf.subdimension} {leaf.dimension}".replace("_", " "), leaf.description]
            ranks = [_first_field(word, fields) for word in wanted]
            if ranks and None not in ranks:
                ranked.append((sum(rank for rank in ranks if rank), leaf))
        return [leaf for _, leaf in sorted(ranked, key=lambda pair: pair[0])]

    def surprise(self, seed: int) -> list[Leaf]:
        """Draw one preference a dimension, none contradicting another."""
        rng = random.Random(seed)
        drawn: list[Leaf] = []
        for name in DIMENSIONS:
            taken = [leaf.id for leaf in drawn]
            fitting = [
                leaf
                for leaf in self.leaves.values()
                if leaf.dimension == name and not self.conflicts([*taken, leaf.id])
            ]
            drawn += [rng.choice(fitting)] if fitting else []
        return drawn

    def conflicts(self, ids: Sequence[str]) -> list[Conflict]:
        """List the pairs among these that contradict each other, in their order."""
        return [
            Conflict(first, second, clash.note)
            for first, second in combinations(ids, 2)
            for clash in self.clashes
            if (first in clash.one and second in clash.other) or (first in clash.other and second in clash.one)
        ]


def _read(path: Path) -> _File:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path.name} cannot be read ({error.strerror}); check that it is there.") from error
    return parse(data, path.name, _File, MAX_FILE_BYTES)


def _entries(file: _File) -> Iterator[Entry]:
    return (entry for branch in file.dimensions for sub in branch.subdimensions for entry in sub.preferences)


def _refuse_doubles(files: Sequence[tuple[Path, _File]]) -> None:
    home: dict[str, str] = {}
    for path, file in files:
        for entry in _entries(file):
            if entry.id in home:
                raise BadRequest(
                    f"{path.name}: the id '{entry.id}' is already taken in {home[entry.id]}; choose another."
                )
            home[entry.id] = path.name


def _merged(branches: Sequence[DimensionBranch], name: Dimension) -> DimensionBranch:
    """Join what several files say of one dimension; the first label, question and description stand."""
    subdimensions: dict[str, Subdimension] = {}
    for new in (one for branch in branches for one in branch.subdimensions):
        old = subdimensions.get(new.id, Subdimension(id=new.id))
        subdimensions[new.id] = Subdimension(
            id=new.id,
            label=old.label or new.label,
            description=old.description or new.description,
            signs=old.signs + new.signs,
            preferences=old.preferences + new.preferences,
        )
    return DimensionBranch(
        id=name,
        label=next((branch.label for branch in branches if branch.label), ""),
        question=next((branch.question for branch in branches if branch.question), ""),
        subdimensions=tuple(
            one if one.label else one.model_copy(update={"label": one.id.replace("-", " ").capitalize()})
            for one in subdimensions.values()
        ),
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _first_field(word: str, fields: Sequence[str]) -> int | None:
    return next((rank for rank, field in enumerate(fields) if any(one.startswith(word) for one in _words(field))), None)
