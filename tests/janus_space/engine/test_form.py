"""A form holds whatever a model says: also one whose weights are noise."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from pydantic import BaseModel

from data_gen.answers import SetAnswer, schema_of
from data_gen.augment import MAX_TOKENS
from data_gen.records import Rubric
from janus_space.engine.form import Form, FormRefused, Forms, ending_in_time
from janus_space.judging.pairwise import ComparisonVerdict
from janus_space.judging.rubric import RubricVerdict
from tests.janus_space.engine.conftest import Tiny

PADDED = 64
"""Logits beyond the last token, as models have them whose vocabulary was rounded up."""


@pytest.fixture(scope="module")
def tokenizer(llama: Tiny) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(llama.folder)


@pytest.fixture(scope="module")
def forms(tokenizer: Any) -> Forms:
    return Forms(tokenizer, len(tokenizer) + PADDED, [tokenizer.eos_token_id])


def noise(tokenizer: Any, form: Form, seed: int, most: int) -> str | None:
    """Draw tokens by chance from what the form allows; None where the answer was cut off."""
    random = torch.Generator().manual_seed(seed)
    tokens: list[int] = []
    while len(tokens) < most:
        token = int(form.restrict(torch.randn(len(tokenizer) + PADDED, generator=random)).argmax())
        if token == tokenizer.eos_token_id:
            return str(tokenizer.decode(tokens))
        form.take(token)
        tokens.append(token)
    return None


@pytest.mark.parametrize("kind", [RubricVerdict, ComparisonVerdict, Rubric, SetAnswer])
def test_noise_in_a_form_is_an_answer(tokenizer: Any, forms: Forms, kind: type[BaseModel]) -> None:
    most = 8000  # the tiny tokenizer's tokens are short
    said = [noise(tokenizer, forms.form(schema_of(kind), 40), seed, most) for seed in range(12)]
    assert None not in said
    for text in said:
        found = json.loads(text or "", strict=False)
        assert found.keys() == schema_of(kind)["properties"].keys()
    assert len(set(said)) == len(said)


def test_a_score_stays_within_its_range(tokenizer: Any, forms: Forms) -> None:
    scores = set()
    for seed in range(40):
        text = noise(tokenizer, forms.form(schema_of(RubricVerdict), 20), seed, 4000)
        scores.add(RubricVerdict.model_validate_json(text or "").score)
    assert scores == {1, 2, 3, 4, 5}


def test_a_text_has_at_most_a_character_for_each_token_of_the_answer() -> None:
    told = ending_in_time(schema_of(RubricVerdict), 128)["properties"]
    assert told == {
        "feedback": {"type": "string", "maxLength": 128},
        "score": {"enum": [1, 2, 3, 4, 5], "type": "integer"},
    }
    short = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 7}, "b": {"enum": ["x"]}}}
    assert ending_in_time(short, 100) == short


def test_a_teacher_s_long_descriptions_have_room() -> None:
    told = ending_in_time(schema_of(SetAnswer), MAX_TOKENS["preference_set"])
    most = [
        text["maxLength"] for text in told["$defs"]["_PreferenceAnswer"]["properties"].values() if "maxLength" in text
    ]
    assert most
    assert min(most) > 60 * 9  # words, and characters of a long one


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "#/$defs/nowhere"}, {"not": {"type": "string"}}])
def test_what_cannot_be_ensured_is_refused_in_a_sentence(forms: Forms, schema: dict[str, Any]) -> None:
    with pytest.raises(FormRefused, match=r"^This schema cannot be held to: .+"):
        forms.form(schema, 100)
