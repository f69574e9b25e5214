"""Votes to take away: as JSON lines, which keep everything, or as a table for a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import TextIO

from janus_space.votes import Vote, VotedColumn

CSV_COLUMNS = (
    *("vote", "comparison", "when", "voter", "was_blind", "verdict", "column", "outcome"),
    *("model", "name", "system", "preferences", "prompt", "answer", "earlier", "sampling"),
)

# A cell that begins so may be run as a formula by a spreadsheet; full-width signs are read as their plain ones.
_RUN_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_jsonl(votes: Iterable[Vote], file: TextIO) -> None:
    """Write one vote a line, as the file of votes holds them."""
    for vote in votes:
        file.write(vote.model_dump_json() + "\n")


def write_csv(votes: Iterable[Vote], file: TextIO) -> None:
    """Write one row a column of each vote; open the file with newline="".

    A cell that a spreadsheet could run as a formula gets an apostrophe in front, and so does one that begins with an
    apostrophe: taking one leading apostrophe away gives every text back.
    """
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(CSV_COLUMNS)
    for vote in votes:
        for index, column in enumerate(vote.columns):
            writer.writerow(map(_cell, _row(vote, index, column)))


def _row(vote: Vote, index: int, column: VotedColumn) -> tuple[str, ...]:
    verdict = _letter(vote.verdict) if isinstance(vote.verdict, int) else vote.verdict
    return (
        *(vote.id, vote.comparison, vote.when.isoformat(), vote.voter, str(vote.was_blind).lower(), verdict),
        *(_letter(index), _outcome(vote, index)),
        *(column.model, column.name, column.system or "", _json(column.preferences), vote.prompt, column.answer),
        *(_json([turn.model_dump(mode="json") for turn in vote.earlier]), vote.sampling.model_dump_json()),
    )


def _outcome(vote: Vote, index: int) -> str:
    if isinstance(vote.verdict, int):
        return "won" if vote.verdict == index else "lost"
    return vote.verdict


def _letter(column: int) -> str:
    return chr(ord("A") + column)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    # Some spreadsheets drop leading spaces before they look.
    return f"'{text}" if text.startswith("'") or text.lstrip(" ").startswith(_RUN_AS_FORMULA) else text
