"""Personas: a gallery that shows the range, and files that come and go unharmed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from janus_space.compose import load_hierarchy
from janus_space.personas import MAX_FILE_BYTES, Persona, from_json, gallery, to_json


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return load_hierarchy()


def file(*personas: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"format": "janus-space personas", "version": 1, "personas": personas, **more}).encode()


ANNA = {"name": "Anna", "preferences": ["plain-words"]}


def test_the_gallery_shows_the_range(hierarchy: Hierarchy) -> None:
    personas = gallery()
    assert len(personas) >= 16
    assert len({persona.name for persona in personas}) == len(personas)
    picked = [leaf for persona in personas for leaf in hierarchy.pick(persona.preferences)]
    assert {leaf.subdimension for leaf in picked} == {
        sub.id for one in hierarchy.dimensions for sub in one.subdimensions
    }
    for persona in personas:
        assert persona.who.endswith(".")
        assert not hierarchy.conflicts(persona.preferences), persona.name
    assert len({persona.system_message(hierarchy) for persona in personas}) == len(personas)


def test_what_is_exported_is_imported_again(hierarchy: Hierarchy) -> None:
    edited = Persona(name="Édith “E.”", preferences=("plain-words", "both-sides"), seed=3, system="You are mine.")
    personas = (*gallery(), edited)
    assert from_json(to_json(personas).encode(), "mine.json", hierarchy) == personas
    assert personas[-1].system_message(hierarchy) == "You are mine."
    with pytest.raises(BadRequest, match="no persona to export"):
        to_json([])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "mine.json is not JSON"),
        (file(), "mine.json, personas: "),
        (file(ANNA | {"name": ""}), "mine.json, personas 1, name: "),
        (file(ANNA, ANNA | {"preferences": []}), "mine.json, personas 2, preferences: "),
        (file(ANNA | {"preferences": ["plain-words"] * 2}), "names the same preference twice"),
        (file(ANNA | {"preferences": ["../../etc"]}), "personas 1, preferences 1: "),
        (file(ANNA | {"preferences": ["flying-words"]}), "the persona 'Anna' has the preference 'flying-words'"),
        (file(ANNA | {"seed": -1}), "personas 1, seed: "),
        (file(ANNA | {"system": "x" * 8_001}), "personas 1, system: "),
        (file(ANNA | {"api_key": "x"}), "personas 1, api_key: "),
        (file(*[ANNA] * 201), "mine.json, personas: "),
        (file(ANNA, version=2), "mine.json, version: "),
        (file(ANNA, format="something else"), "mine.json, format: "),
        (b" " * (MAX_FILE_BYTES + 1), "larger than 500 kB"),
    ],
)
def test_a_file_that_cannot_be_honoured_is_refused_in_one_sentence(
    data: bytes, told: str, hierarchy: Hierarchy
) -> None:
    with pytest.raises(BadRequest) as caught:
        from_json(data, "mine.json", hierarchy)
    assert told in str(caught.value)
    assert str(caught.value).count("\n") == 0
