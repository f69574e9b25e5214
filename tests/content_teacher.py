"""A teacher that serves good writing: the preference sets, system messages and answers of assets/multifaceted_mini."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.teacher import level

_MINI = Path(__file__).parents[1] / "assets" / "multifaceted_mini" / "train.jsonl"

Row = dict[str, Any]


def recorded(instructions: int) -> list[list[Row]]:
    """Return the recorded rows of the first so many instructions, siblings together."""
    rows = [json.loads(line) for line in _MINI.read_text("utf-8").splitlines()]
    return [list(group) for _, group in groupby(rows, key=lambda row: row["instruction_id"])][:instructions]


class ContentTeacher:
    """Finds in a request which node of which recorded tree asks, and says what was written there."""

    def __init__(self, groups: Sequence[Sequence[Row]]) -> None:
        self._sets = {(rows[0]["prompt"], index): row for rows in groups for index, row in enumerate(rows)}
        self._systems = {_descriptions(row): row["system"] for rows in groups for row in rows}
        self._answers = {(row["prompt"], row["system"]): row["output"] for rows in groups for row in rows}

    def __call__(self, body: dict[str, Any]) -> str:
        messages = [message["content"] for message in body["messages"]]
        if level(body) == "response":
            return str(self._answers[messages[1], messages[0].partition("\n\nGive the best answer")[0]])
        between = messages[0].split("==========")[1].strip()
        if level(body) == "system_message":
            return str(self._systems[between])
        taken = len(re.findall(r"^Person \d+: ", messages[0], re.MULTILINE))
        four = self._sets[between, taken]["preference_set"]
        return json.dumps({one["dimension"]: {k: v for k, v in one.items() if k != "dimension"} for one in four})


def _descriptions(row: Row) -> str:
    return "\n\n".join(one["description"] for one in row["preference_set"])
