from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from data_gen.answers import SetAnswer, read_response, read_rubric, read_system_message, schema_of, set_reader
from data_gen.asking import Answer
from data_gen.preferences import DIMENSIONS
from data_gen.records import Rubric
from tests.teacher import preference_set, words


def said(text: str, finish_reason: Any = "stop") -> Answer:
    return Answer(text, finish_reason)


def test_a_set_comes_in_the_order_of_the_collection() -> None:
    answer = preference_set(1)
    found = set_reader([])(said(json.dumps(dict(reversed(answer.items())))))
    assert [one.dimension for one in found.root] == list(DIMENSIONS)
    assert found.root[0].description == answer["style"]["description"]


@pytest.mark.parametrize("key", [None, "preferences"])
def test_a_list_of_four_is_taken_too(key: str | None) -> None:
    listed = [{"dimension": name.replace("_", " ").title(), **one} for name, one in preference_set(1).items()]
    assert (
        set_reader([])(said(json.dumps({key: listed} if key else {"set": listed}))).root[3].dimension == "harmlessness"
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"style": None}, "style"),
        ({"extra": {}}, "extra"),
        ({"style": {"subdimension": "tone", "preference": "x", "description": "too short"}}, "has 2 words"),
        ({"style": {**preference_set(1)["style"], "preference": words(1, 13)}}, "has 13 words"),
        ({"style": {**preference_set(1)["style"], "subdimension": " "}}, "subdimension"),
    ],
)
def test_a_wrong_set_is_refused_with_its_place(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        set_reader([])(said(json.dumps(preference_set(1) | change)))


def test_a_dimension_that_comes_twice_is_refused() -> None:
    listed = [{"dimension": "style", **one} for one in preference_set(1).values()]
    with pytest.raises(ValidationError, match="comes twice"):
        set_reader([])(said(json.dumps({"set": listed})))


def test_a_set_must_differ_from_those_before_it() -> None:
    earlier = set_reader([])(said(json.dumps(preference_set(1))))
    read = set_reader([earlier])
    with pytest.raises(ValueError, match="too close to set 1"):
        read(said(json.dumps(preference_set(1))))
    same_keywords = preference_set(2)
    same_keywords["style"]["preference"] = earlier.root[0].preference.upper()
    with pytest.raises(ValueError, match="has the preference"):
        read(said(json.dumps(same_keywords)))
    two_alike = preference_set(2)
    for name in ("style", "harmlessness"):
        two_alike[name]["subdimension"] = preference_set(1)[name]["subdimension"]
    assert read(said(json.dumps(two_alike)))


@pytest.mark.parametrize("wrapped", ["{}", '"{}"', "System message: {}", "**System prompt:**\n{}", "“{}”\n"])
def test_a_system_message_is_one_bare_paragraph(wrapped: str) -> None:
    text = f"You are a guide. You {words(1, 120)}."
    assert read_system_message(said(wrapped.format(text.replace(". ", ".\n\n")))) == text


@pytest.mark.parametrize(
    ("text", "reason", "complaint"),
    [
        ("You are short.", "stop", "3 words"),
        (f"You {words(1, 400)}", "stop", "401 words"),
        (f"You {words(1, 120)}\n- be brief\n- be kind", "stop", "holds a list"),
        (f"You {words(1, 120)}", "length", "cut off"),
    ],
)
def test_what_is_no_system_message_is_refused(text: str, reason: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_system_message(said(text, reason))


def test_a_cut_off_response_stays_and_an_empty_one_does_not() -> None:
    assert read_response(said(" Half an ", "length")) == said("Half an", "length")
    with pytest.raises(ValueError, match="empty"):
        read_response(said(" \n"))


def test_a_rubric_needs_all_five_scores() -> None:
    scores = {str(score): f"score {score}" for score in range(1, 6)}
    rubric = read_rubric(said(json.dumps({"criteria": "Is it?", "score_descriptions": scores})))
    assert rubric.model_dump(by_alias=True) == {"criteria": "Is it?", "score_descriptions": scores}
    del scores["3"]
    with pytest.raises(ValidationError, match=r"score_descriptions\.3"):
        read_rubric(said(json.dumps({"criteria": "Is it?", "score_descriptions": scores})))


@pytest.mark.parametrize("form", [SetAnswer, Rubric])
def test_schemas_are_closed_and_require_everything(form: Any) -> None:
    schema = schema_of(form)
    assert schema["title"] == form.__name__
    for one in [schema, *schema["$defs"].values()]:
        assert one["additionalProperties"] is False
        assert one["required"] == list(one["properties"])
    assert "minLength" not in json.dumps(schema)
