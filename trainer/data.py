"""Rows that can be trained on: columns mapped, everything checked, each fault named with its row and its column."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from trainer.chat_template import ChatMessages
from trainer.config import PAIRED, DataOptions, Method
from trainer.data_files import RawRow, raw_rows
from trainer.errors import BadDataset

_NAMES = {
    "system": ("system", "system_prompt", "system_message"),
    "prompt": ("prompt", "instruction", "input", "question"),
    "output": ("output", "response", "answer", "completion", "chosen"),
    "chosen": ("chosen", "chosen_response"),
    "rejected": ("rejected", "rejected_response"),
    "messages": ("messages", "conversations", "conversation"),
    "instruction_id": ("instruction_id",),
}
_SHAREGPT_ROLES = {"human": "user", "gpt": "assistant"}
_SHOWN = 3  # faults that fit into one sentence


class TrainingRow(NamedTuple):
    """One question and what is trained on it: one answer, or the chosen and the rejected one."""

    place: str
    instruction: str
    """Rows of one instruction have equal values here."""
    system: str | None
    turns: ChatMessages
    """From the first user message to the one that is answered."""
    answers: tuple[str, ...]

    @property
    def messages(self) -> ChatMessages:
        """The conversation that asks for the answer."""
        system = [] if self.system is None else [{"role": "system", "content": self.system}]
        return [*system, *self.turns]


class Fault(NamedTuple):
    """Why a row cannot be trained on."""

    place: str
    column: str | None
    says: str

    def __str__(self) -> str:
        return f"{self.place}{f', column {self.column!r},' if self.column else ''} {self.says}"


@dataclass
class Dataset:
    """The rows that can be used, and what became of the others."""

    rows: list[TrainingRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """How many sound rows were left out, by reason."""
    columns: dict[str, str] = field(default_factory=dict)
    """Our column: theirs, as it was guessed or given."""


class _BadRow(Exception):
    def __init__(self, column: str | None, says: str) -> None:
        super().__init__(says)
        self.column, self.says = column, says


def read_dataset(dataset: str, method: Method, options: DataOptions) -> Dataset:
    """Read and check a dataset; faulty rows are listed, and never among the rows.

    Raises:
        BadDataset: it cannot be read at all, or no column fits
    """
    found = Dataset()
    raw = iter(itertools.islice(raw_rows(dataset, method, options), options.max_rows))
    head = list(itertools.islice(raw, 50))
    if not head:
        raise BadDataset(f"{dataset} holds no rows.")
    found.columns = guess_columns(head, method, options.columns)
    seen: set[bytes] = set()
    for row in itertools.chain(head, raw):
        try:
            rows = list(_checked(row, found.columns, method))
        except _BadRow as bad:
            found.faults.append(Fault(row.place, bad.column, bad.says))
            continue
        key = hashlib.sha256(repr([one[2:] for one in rows]).encode("utf-8", "surrogatepass")).digest()
        if key in seen:
            found.left_out["the same as an earlier row"] += 1
        else:
            found.rows += rows
        seen.add(key)
    return found


def refuse_faults(found: Dataset, dataset: str) -> None:
    """Raise a sentence that names the first faults.

    Raises:
        BadDataset: there are faults, or no row is left
    """
    if found.faults:
        more = len(found.faults) - _SHOWN
        raise BadDataset(
            f"{len(found.faults)} rows of {dataset} cannot be trained on: "
            + "; ".join(map(str, found.faults[:_SHOWN]))
            + (f"; and {more} more" if more > 0 else "")
            + ". Correct them, or write skip_bad_rows: true to leave them out."
        )
    if not found.rows:
        raise BadDataset(f"{dataset} holds no row that can be trained on.")


def guess_columns(head: Iterable[RawRow], method: Method, given: dict[str, str]) -> dict[str, str]:
    """Map our columns to theirs: what was given first, then what the names say.

    Raises:
        BadDataset: a column that the method needs is nowhere
    """
    names: dict[str, None] = {name: None for row in head for name in row.values}
    if unknown := sorted(given.keys() - _NAMES.keys()):
        raise BadDataset(f"columns: there is no {unknown[0]!r}; choose of {', '.join(_NAMES)}.")
    if absent := [theirs for theirs in given.values() if theirs not in names]:
        raise BadDataset(f"columns: the dataset has no {absent[0]!r}; it has {', '.join(names) or 'none'}.")
    mapped = dict(given)
    for ours, known in _NAMES.items():
        theirs = next((name for name in known if name in names), None)
        if theirs is not None and ours not in mapped:
            mapped[ours] = theirs
    is_conversation = method not in PAIRED and "output" not in mapped and "messages" in mapped
    for ours in () if is_conversation else ("chosen", "rejected") if method in PAIRED else ("prompt", "output"):
        if ours not in mapped:
            raise BadDataset(
                f"{method} needs a column {ours!r}, and the dataset has {', '.join(names) or 'no columns'}:"
                f" say which one it is, as columns: {{{ours}: NAME}}."
            )
    return mapped


def _checked(row: RawRow, columns: dict[str, str], method: Method) -> Iterator[TrainingRow]:
    if row.fault is not None:
        raise _BadRow(None, row.fault)
    cells = _Cells(row.values, columns)
    if method in PAIRED:
        yield _pair(row.place, cells)
    elif "output" in columns:
        yield _single(row.place, cells)
    else:
        yield from _conversation(row.place, cells)


@dataclass(frozen=True)
class _Cells:
    values: dict[str, Any]
    columns: dict[str, str]

    def get(self, ours: str) -> Any:
        return self.values.get(self.columns.get(ours, ""))

    def text(self, ours: str) -> str:
        return _text(self.get(ours), self.columns[ours])

    def system(self) -> str | None:
        """An empty system message stands for none: tables have no other way to say so."""
        found = self.get("system")
        if found is None or (isinstance(found, str) and not found.strip()):
            return None
        return _text(found, self.columns["system"])

    def instruction(self, turns: ChatMessages) -> str:
        found = self.get("instruction_id")
        return str(found) if found is not None else turns[-1]["content"]


def _single(place: str, cells: _Cells) -> TrainingRow:
    system, turns = _question(cells, cells.get("prompt"), "prompt")
    answer = cells.get("output")
    text = _answer_of(answer, cells.columns["output"])[1] if isinstance(answer, list) else cells.text("output")
    return TrainingRow(place, cells.instruction(turns), system, turns, (text,))


def _pair(place: str, cells: _Cells) -> TrainingRow:
    answers: list[str] = []
    prefixes: list[ChatMessages] = []
    for ours in ("chosen", "rejected"):
        value = cells.get(ours)
        if isinstance(value, list):
            before, answer = _answer_of(value, cells.columns[ours])
            prefixes.append(before)
        else:
            answer = cells.text(ours)
        answers.append(answer)
    if answers[0] == answers[1]:
        raise _BadRow(cells.columns["rejected"], "is the same answer as the chosen one")
    if len(prefixes) == 2 and prefixes[0] != prefixes[1]:
        raise _BadRow(cells.columns["rejected"], "answers another question than the chosen one")
    if cells.get("prompt") is None and prefixes and prefixes[0]:
        system, turns = _split(prefixes[0], cells.columns["chosen"])
        system = system if system is not None else cells.system()
    else:
        system, turns = _question(cells, cells.get("prompt"), "prompt")
    return TrainingRow(place, cells.instruction(turns), system, turns, tuple(answers))


def _conversation(place: str, cells: _Cells) -> Iterator[TrainingRow]:
    """Make a row of every answer, each after what was said before it."""
    column = cells.columns["messages"]
    system, turns = _split(_messages(cells.get("messages"), column), column)
    system = system if system is not None else cells.system()
    if turns[-1]["role"] != "assistant":
        raise _BadRow(column, "does not end with an answer of the assistant")
    for end in range(1, len(turns), 2):
        yield TrainingRow(
            place, cells.instruction(turns[:1]), system, turns[:end], (_text(turns[end]["content"], column),)
        )


def _question(cells: _Cells, value: Any, ours: str) -> tuple[str | None, ChatMessages]:
    if ours not in cells.columns:
        raise _BadRow(ours, "is missing")
    column = cells.columns[ours]
    if not isinstance(value, list):
        return cells.system(), [{"role": "user", "content": _text(value, column)}]
    system, turns = _split(_messages(value, column), column)
    if turns[-1]["role"] != "user":
        raise _BadRow(column, "does not end with a message of the user")
    return system if system is not None else cells.system(), turns


def _answer_of(value: list[Any], column: str) -> tuple[ChatMessages, str]:
    """Split a list of messages into what comes before the last one, and that one, which is the answer."""
    messages = _messages(value, column)
    if not messages or messages[-1]["role"] != "assistant":
        raise _BadRow(column, "does not end with an answer of the assistant")
    return messages[:-1], _text(messages[-1]["content"], column)


def _split(messages: ChatMessages, column: str) -> tuple[str | None, ChatMessages]:
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
    turns = messages if system is None else messages[1:]
    if not turns:
        raise _BadRow(column, "holds no message of the user")
    for index, message in enumerate(turns):
        expected = ("user", "assistant")[index % 2]
        if message["role"] != expected:
            raise _BadRow(column, f"has a message of the {message['role']} where the {expected} is due")
    return (system if system and system.strip() else None), turns


def _messages(value: Any, column: str) -> ChatMessages:
    if not isinstance(value, list) or not value:
        raise _BadRow(column, "is not a list of messages")
    messages: ChatMessages = []
    for one in value:
        role = one.get("role", one.get("from")) if isinstance(one, dict) else None
        role = _SHAREGPT_ROLES.get(role, role) if isinstance(role, str) else None
        if role not in ("system", "user", "assistant"):
            raise _BadRow(column, f"has a message whose role is {str(role)[:40]!r}, not system, user or assistant")
        messages.append({"role": role, "content": _text(one.get("content", one.get("value")), column)})
    return messages


def _text(value: Any, column: str) -> str:
    if value is None:
        raise _BadRow(column, "is missing")
    if not isinstance(value, str):
        raise _BadRow(column, f"holds a {type(value).__name__}, not text")
    if not value.strip():
        raise _BadRow(column, "is empty")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value) or "\0" in value:
        raise _BadRow(column, "holds characters that are no text")
    return value
