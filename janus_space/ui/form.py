"""What the visitor has filled in, as one value: from the page's fields, to a `Comparison`, and back.

The page has room for four columns; the first `count` of them are shown. Along the axis `systems` all columns share
a model and each has its own system message; along `models` it is the other way round. A column marked as an
override has its own value on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from data_gen.chat import Sampling
from data_gen.errors import BadRequest
from janus_space.comparison import MAX_TEXT, Column, Comparison, Turn

Axis = Literal["systems", "models"]
COLUMN_LETTERS = "ABCD"
ROOM = len(COLUMN_LETTERS)
DEFAULT_MODEL = "embedded:smollm2"
RIVAL_MODEL = "embedded:janus-135m"
"""What the default model is compared with where columns differ by model."""
MAX_SPEC = 500
TOO_LONG = f"At most {MAX_TEXT:,} characters."

SHARED_FIELDS = ("prompt", "axis", "count", "model", "system", "sends_none")
COLUMN_FIELDS = ("model", "system", "sends_none", "is_override")
SAMPLING_FIELDS = tuple(Sampling.model_fields)
FIELD_NAMES = (
    *SHARED_FIELDS,
    *(f"{name}_{letter}" for letter in COLUMN_LETTERS for name in COLUMN_FIELDS),
    *SAMPLING_FIELDS,
    "device",
)


class ColumnForm(BaseModel):
    """The fields of one column; which of them count depends on the axis."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = DEFAULT_MODEL
    system: str = ""
    sends_none: bool = False
    is_override: bool = False


class Form(BaseModel):
    """All fields of the Compare page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = ""
    axis: Axis = "systems"
    count: Literal[2, 3, 4] = 2
    model: str = DEFAULT_MODEL
    system: str = ""
    sends_none: bool = False
    columns: tuple[ColumnForm, ...] = (ColumnForm(),) * ROOM
    sampling: Sampling = Sampling()
    device: str = "auto"

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> Form:
        """Read the fields in the order of `FIELD_NAMES`. Raise `BadRequest` for what no field of the page can hold."""
        by_name = dict(zip(FIELD_NAMES, values, strict=True))
        wishes = {name: by_name[name] for name in SAMPLING_FIELDS}
        wishes["stop"] = (wishes["stop"] or "").splitlines()
        wishes["seed"] = seed_of(wishes["seed"])
        columns = [
            {name: _filled(name, by_name[f"{name}_{letter}"]) for name in COLUMN_FIELDS} for letter in COLUMN_LETTERS
        ]
        try:
            return cls(
                **{name: _filled(name, by_name[name]) for name in SHARED_FIELDS if name != "count"},
                count=int(by_name["count"]),
                columns=tuple(ColumnForm(**column) for column in columns),
                sampling=Sampling.clamped(**wishes),
                device=by_name["device"] or "auto",
            )
        except (ValidationError, TypeError, ValueError) as error:
            raise BadRequest("The page sent a value that does not fit its field: reload the page.") from error

    def values(self) -> list[Any]:
        """Give the fields in the order of `FIELD_NAMES`."""
        shared = [str(self.count) if name == "count" else getattr(self, name) for name in SHARED_FIELDS]
        own = [getattr(column, name) for column in self.columns for name in COLUMN_FIELDS]
        seed = "" if self.sampling.seed is None else str(self.sampling.seed)
        sampling = self.sampling.model_dump() | {"stop": "\n".join(self.sampling.stop), "seed": seed}
        return [*shared, *own, *(sampling[name] for name in SAMPLING_FIELDS), self.device]

    def is_own(self, name: Literal["model", "system"], index: int) -> bool:
        """Tell whether column `index` has a model, or a system message, of its own."""
        return self.columns[index].is_override or (name == "model") == (self.axis == "models")

    def column(self, index: int) -> Column:
        """Combine what column `index` shares with what is its own. Raise `BadRequest` with what is missing."""
        for sentence in self._problems_of(index).values():
            raise BadRequest(sentence)
        model, system = self._holder("model", index), self._holder("system", index)
        return Column(
            model=model.model.strip(), system=None if system.sends_none else system.system, device=self.device
        )

    def comparison(self, earlier: Iterable[Turn] = ()) -> Comparison:
        """Ask the prompt after the `earlier` turns. Raise `BadRequest` with the first thing that is missing."""
        for sentence in self.problems().values():
            raise BadRequest(sentence)
        columns = tuple(self.column(index) for index in range(self.count))
        try:
            return Comparison(columns=columns, turns=(*earlier, Turn(prompt=self.prompt)), sampling=self.sampling)
        except ValidationError as error:
            raise BadRequest("The conversation is too long to go on; begin a new one.") from error

    def problems(self) -> dict[str, str]:
        """Name every field that cannot be sent as it stands, with a sentence to be shown at it."""
        found = {} if self.prompt.strip() else {"prompt": "Write a question first."}
        if len(self.prompt) > MAX_TEXT:
            found["prompt"] = TOO_LONG
        for index in range(self.count):
            found |= self._problems_of(index)
        return found

    def _problems_of(self, index: int) -> dict[str, str]:
        model, system = self._holder("model", index), self._holder("system", index)
        found = {}
        if not 0 < len(model.model.strip()) <= MAX_SPEC:
            found[self._field("model", index)] = "Choose a model."
        if not system.sends_none and not system.system.strip():
            found[self._field("system", index)] = "Say how it should behave, or tick “Send no system message”."
        elif len(system.system) > MAX_TEXT:
            found[self._field("system", index)] = TOO_LONG
        return found

    def _holder(self, name: Literal["model", "system"], index: int) -> Form | ColumnForm:
        return self.columns[index] if self.is_own(name, index) else self

    def _field(self, name: Literal["model", "system"], index: int) -> str:
        return f"{name}_{COLUMN_LETTERS[index]}" if self.is_own(name, index) else name

    @classmethod
    def of_comparison(cls, comparison: Comparison) -> Form:
        """Fill in the form so that it asks this comparison's last turn; columns beyond the page's room are left out."""
        columns = comparison.columns[:ROOM]
        first = columns[0]
        one_model = all(column.model == first.model for column in columns)
        one_system = all(column.system == first.system for column in columns)
        axis: Axis = "models" if one_system and not one_model else "systems"
        is_usual = [
            column.model == first.model if axis == "systems" else column.system == first.system for column in columns
        ]
        own = [
            ColumnForm(
                model=column.model,
                system=column.system or "",
                sends_none=column.system is None,
                is_override=not usual,
            )
            for column, usual in zip(columns, is_usual, strict=True)
        ]
        return cls(
            prompt=comparison.turns[-1].prompt,
            axis=axis,
            count=max(2, len(own)),
            model=first.model,
            system=first.system or "",
            sends_none=first.system is None,
            columns=(*own, *[ColumnForm(model=first.model)] * (ROOM - len(own))),
            sampling=comparison.sampling,
        )


def seed_of(typed: Any) -> int | None:
    """Read the box of the seed; raise `BadRequest` for what is no whole number."""
    text = str(typed if typed is not None else "").strip()
    if text and not text.isdecimal():
        raise BadRequest(f"The seed is {text[:40]!r}: write a whole number, or nothing for another draw each time.")
    return int(text[:18]) if text else None


def _filled(name: str, value: Any) -> Any:
    """An emptied field of the page arrives as None."""
    if value is not None:
        return value
    return False if name in ("sends_none", "is_override") else ""
