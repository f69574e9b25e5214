"""Grown records for tests, each a function of its name."""

from __future__ import annotations

import zlib

from data_gen.answers import SetAnswer
from data_gen.records import GrownRecord
from tests.teacher import preference_set, words


def siblings(instruction_id: str, count: int = 3) -> list[GrownRecord]:
    """Make the rows of one instruction."""
    number = zlib.crc32(instruction_id.encode())
    return [
        GrownRecord(
            instruction_id=instruction_id,
            main_source="tests",
            original_source="sample",
            preference_set=SetAnswer.model_validate(preference_set(number + index)).as_set(),
            system=f"You {words(number + index, 130)}.",
            prompt=words(number, 20) + "?",
            output=words(number * 31 + index, 60),
            set_index=index,
            finish_reason="stop",
        )
        for index in range(count)
    ]
