from __future__ import annotations

import pytest

from data_gen.answers import SetAnswer
from data_gen.asking import Answer
from data_gen.findings import findings_of
from tests.teacher import preference_set, words

SET = SetAnswer.model_validate(preference_set(1)).as_set()
SYSTEM = f"You are a guide. You {words(1, 130)}."
PROMPT = words(2, 40)
ANSWER = Answer(words(3, 60), "stop")


def test_a_usual_row_has_none() -> None:
    assert findings_of(SET, SYSTEM, PROMPT, ANSWER) == ()


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"system": "You are brief."}, "system message has 3 words, 115 to 175 are usual"),
        ({"system": SYSTEM.replace("You", "It")}, "system message does not address the assistant as 'you'"),
        ({"system": f"{SYSTEM} Mind their Background Knowledge."}, "names the dimension background_knowledge"),
        ({"system": f"{SYSTEM} {PROMPT[:120]}"}, "system message quotes the instruction"),
        ({"answer": Answer("Half", "length")}, "answer was cut off"),
        ({"answer": Answer(f"I was told: {SYSTEM}", "stop")}, "answer quotes the system message"),
    ],
)
def test_what_is_unusual_is_said(changed: dict[str, object], finding: str) -> None:
    row = {"chosen": SET, "system": SYSTEM, "prompt": PROMPT, "answer": ANSWER} | changed
    found = findings_of(**row)  # type: ignore[arg-type]
    assert any(finding in one for one in found), found


def test_a_short_instruction_cannot_be_quoted_by_chance() -> None:
    assert findings_of(SET, f"{SYSTEM} the sea", "the sea", ANSWER) == ()
