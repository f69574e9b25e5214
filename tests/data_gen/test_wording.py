"""What makes a clause fit every frame."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from data_gen.wording import Entry

SOUND: dict[str, Any] = {
    "id": "in-rhyme",
    "preference": "answers in rhyme",
    "description": "The response should rhyme.",
    "full": [
        "put every answer into rhyming couplets of even length, and let sense yield to sound nowhere at all "
        "in the whole of the reply"
    ],
    "brief": ["put every answer into rhyming couplets of even length"],
    "aim": "make every answer sing",
    "role": "a rhyming companion",
}


def test_a_sound_entry_is_taken() -> None:
    assert Entry.model_validate(SOUND).audience is None


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("full", ["rhyme"], "has 1 words, and 21 to 28 are needed"),
        ("brief", ["Put every answer into rhyming couplets of even length"], "plain verb in lower case"),
        ("brief", ["do not put any answer into prose of uneven length"], "plain verb"),
        ("brief", ["be as rhythmic as you can in every single line"], "plain verb"),
        ("brief", ["put every answer into rhyme. And keep to it throughout"], "words and commas only"),
        ("brief", ["put every {answer} into rhyming couplets of even length"], "words and commas only"),
        ("brief", ["put every answer  into rhyming couplets of even length"], "single spaces"),
        ("brief", [], "at least 1"),
        ("role", "rhyming companion", "must begin with 'a' or 'an'"),
        ("id", "In Rhyme", "pattern"),
        ("colour", "blue", "not permitted"),
    ],
)
def test_what_would_not_read_well_is_refused(field: str, value: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Entry.model_validate(SOUND | {field: value})
