"""From instructions as they come to instructions worth paying for, with a reason for each that is left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field

from data_gen.instructions import Instruction
from data_gen.safety import UNSAFE_FROM, WORD_LIST, Scorer
from data_gen.whole_file import whole_file

Reason = Literal["empty", "too long", "exact duplicate", "id taken", "near duplicate", "unsafe"]

_SHOWN_CHARACTERS = 300


class CleaningRules(BaseModel):
    """What is left out. Empty, overlong and repeated instructions always are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_characters: int = Field(20_000, ge=1, description="Longer instructions are left out")
    drop_near_duplicates: bool = Field(False, description="Leave out what nearly repeats an earlier instruction")
    drop_unsafe: bool = Field(False, description="Leave out what the safety scorer finds unsafe")


class Noticed(BaseModel):
    """One instruction that something was noticed about; `is_kept` says whether it was only noted."""

    model_config = ConfigDict(frozen=True)

    row: int = Field(description="Counted from 1, in the order of the file")
    reason: Reason
    is_kept: bool
    detail: str
    text: str


class CleaningReport(BaseModel):
    """How many were read, how many are kept, and what was noticed how often."""

    model_config = ConfigDict(frozen=True)

    read: int
    kept: int
    left_out: dict[Reason, int]
    noted: dict[Reason, int]


def clean(
    instructions: Iterable[Instruction],
    rules: CleaningRules,
    kept_file: Path,
    reasons_file: Path,
    scorer: Scorer = WORD_LIST,
) -> CleaningReport:
    """Write what is kept to one file and the reasons to another, both whole or not at all.

    Memory: a checksum and a signature an instruction, about half a kilobyte.
    """
    sieve = _Sieve(rules, scorer)
    first_pass = kept_file.with_name(f".{kept_file.name}.first")
    try:
        with whole_file(reasons_file) as reasons:
            with first_pass.open("w", encoding="utf-8") as file:
                for row, instruction in enumerate(instructions, 1):
                    noticed, is_kept = sieve.judge(row, instruction)
                    _write(reasons, noticed)
                    if is_kept:
                        file.write(json.dumps([row, instruction.model_dump()], ensure_ascii=False) + "\n")
            with whole_file(kept_file) as kept, first_pass.open(encoding="utf-8") as file:
                for line, noticed in _near_duplicates_marked(file, sieve):
                    _write(reasons, noticed)
                    if all(one.is_kept for one in noticed):
                        kept.write(json.dumps(line, ensure_ascii=False) + "\n")
    finally:
        first_pass.unlink(missing_ok=True)
    return sieve.report()


def read_clean(kept_file: Path) -> Iterator[Instruction]:
    """Read what `clean` kept."""
    with kept_file.open(encoding="utf-8") as file:
        yield from (Instruction.model_validate_json(line) for line in file)


class _Sieve:
    def __init__(self, rules: CleaningRules, scorer: Scorer) -> None:
        self.rules = rules
        self._scorer = scorer
        self._texts: dict[bytes, int] = {}
        self._ids: dict[str, int] = {}
        # Imported here: numpy costs time that --help should not.
        from data_gen.near_duplicates import NearDuplicates

        self.near = NearDuplicates()
        self._read = 0
        self._noticed: Counter[tuple[Reason, bool]] = Counter()
        self._kept = 0

    def judge(self, row: int, instruction: Instruction) -> tuple[list[Noticed], bool]:
        """Say what is noticed about an instruction, and whether it stays for now."""
        self._read = row
        noticed = list(self._look(row, instruction))
        is_kept = all(one.is_kept for one in noticed)
        if is_kept:
            self._kept += 1
            self.near.add(instruction.text)
        return noticed, is_kept

    def note(self, row: int, reason: Reason, is_kept: bool, detail: str, text: str) -> Noticed:
        self._noticed[reason, is_kept] += 1
        return Noticed(row=row, reason=reason, is_kept=is_kept, detail=detail, text=text[:_SHOWN_CHARACTERS])

    def leave_out_later(self) -> None:
        self._kept -= 1

    def report(self) -> CleaningReport:
        return CleaningReport(
            read=self._read,
            kept=self._kept,
            left_out={reason: count for (reason, is_kept), count in sorted(self._noticed.items()) if not is_kept},
            noted={reason: count for (reason, is_kept), count in sorted(self._noticed.items()) if is_kept},
        )

    def _look(self, row: int, instruction: Instruction) -> Iterator[Noticed]:
        text = instruction.text
        if not text:
            yield self.note(row, "empty", False, "there is no text in this row", text)
            return
        if len(text) > self.rules.max_characters:
            yield self.note(row, "too long", False, f"{len(text)} characters", text)
            return
        key = bytes.fromhex(instruction.sha256)
        if (first := self._texts.setdefault(key, row)) != row:
            yield self.note(row, "exact duplicate", False, f"of row {first}", text)
            return
        if (first := self._ids.setdefault(instruction.id, row)) != row:
            yield self.note(row, "id taken", False, f"row {first} has the id {instruction.id} and another text", text)
            return
        if (score := self._scorer.score(text)) >= UNSAFE_FROM:
            yield self.note(row, "unsafe", not self.rules.drop_unsafe, f"{score} by {self._scorer.name}", text)


def _near_duplicates_marked(file: Iterable[str], sieve: _Sieve) -> Iterator[tuple[object, list[Noticed]]]:
    like = sieve.near.find()
    rows: list[int] = []
    is_kept = not sieve.rules.drop_near_duplicates
    for place, line in enumerate(file):
        row, instruction = json.loads(line)
        rows.append(row)
        if place not in like:
            yield instruction, []
            continue
        earlier, likeness = like[place]
        detail = f"shares about {likeness:.0%} of its phrases with row {rows[earlier]}"
        if not is_kept:
            sieve.leave_out_later()
        yield instruction, [sieve.note(row, "near duplicate", is_kept, detail, instruction["text"])]


def _write(file: IO[str], noticed: Iterable[Noticed]) -> None:
    for one in noticed:
        file.write(one.model_dump_json() + "\n")
