"""The frames: each has its slots, and none says the same as another."""

from __future__ import annotations

import re

import pytest

from data_gen.frames import CLOSINGS, FRAMES, NEUTRAL_SENTENCES, OPENINGS
from data_gen.preferences import DIMENSIONS


def slots(text: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", text)


def test_every_frame_has_just_its_slots() -> None:
    assert all(slots(frame.text) == ["role", "audience", "wishes"] for frame in OPENINGS)
    assert all(slots(frame.text) == ["wishes"] for group in FRAMES.values() for frame in group)
    assert all(slots(closing) == ["aims"] for closing in CLOSINGS)
    assert not any(slots(sentence) for sentence in NEUTRAL_SENTENCES)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_dimension_has_frames_enough_for_the_longest_message(dimension: str) -> None:
    group = FRAMES[dimension]
    assert len(group) >= 4
    assert sum(not frame.is_link for frame in group) >= 2
    assert len({frame.text for frame in group}) == len(group)
