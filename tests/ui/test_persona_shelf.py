"""Personas that the browser keeps: saved, replaced, forgotten, exported and imported, and never simply believed."""

from __future__ import annotations

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from janus_space.compose import Picks, load_hierarchy
from janus_space.personas import MAX_PERSONAS, gallery
from janus_space.ui.composition import Composition
from janus_space.ui.persona_shelf import Shelf, build_shelf, kept_personas

ANNA = {"name": "Anna", "preferences": ["plain-words"]}


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return load_hierarchy()


@pytest.fixture
def shelf(hierarchy: Hierarchy) -> Shelf:
    with gr.Blocks():
        view = build_shelf(hierarchy)
    return Shelf(view, hierarchy, lambda composition, model: {})


@pytest.fixture
def composed(hierarchy: Hierarchy) -> Composition:
    composition = Composition()
    composition.choose(Picks(ids=("plain-words", "both-sides")), hierarchy)
    return composition


def names(shelf: Shelf, updates: dict) -> list[str]:
    return [persona.name for persona in kept_personas(updates[shelf.view.kept])]


def test_saving_keeps_the_picks_and_the_same_name_is_replaced(shelf: Shelf, composed: Composition) -> None:
    updates = shelf.save(composed, composed.text, " Bert ", [ANNA])
    (bert, anna) = kept_personas(updates[shelf.view.kept])
    assert (bert.name, bert.preferences, bert.system) == ("Bert", ("plain-words", "both-sides"), None)
    assert anna.name == "Anna"
    assert "“Bert” is kept" in updates[shelf.view.status]
    again = shelf.save(composed, "Edited.", "Bert", updates[shelf.view.kept])
    assert names(shelf, again) == ["Bert", "Anna"]
    assert kept_personas(again[shelf.view.kept])[0].system == "Edited."


@pytest.mark.parametrize(("name", "told"), [("", "a name first"), ("x" * 61, "up to 60 characters")])
def test_a_name_is_needed(shelf: Shelf, composed: Composition, name: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        shelf.save(composed, composed.text, name, [])


def test_nothing_picked_is_no_persona(shelf: Shelf) -> None:
    with pytest.raises(BadRequest, match="at least one preference"):
        shelf.save(Composition(), "Text.", "Bert", [])


def test_a_card_is_taken_and_an_own_one_forgotten(shelf: Shelf, composed: Composition) -> None:
    shelf.pick({"key": "gallery-1"}, composed, composed.text, "echo:", [ANNA])
    assert composed.picks.ids == gallery()[1].preferences
    shelf.pick({"key": "mine-0"}, composed, composed.text, "echo:", [ANNA])
    assert composed.picks.ids == ("plain-words",)
    assert names(shelf, shelf.pick({"key": "forget-0"}, composed, composed.text, "echo:", [ANNA])) == []


def test_an_edited_text_is_kept_and_said_to_be(shelf: Shelf, composed: Composition) -> None:
    updates = shelf.pick({"key": "gallery-0"}, composed, "My own words.", "echo:", [])
    assert composed.text == "My own words."
    assert "Your edited text stays" in updates[shelf.view.status]


@pytest.mark.parametrize("key", ["mine-5", "gallery--1", "gallery-99", "secret-0", "", None, "mine-x"])
def test_a_card_that_is_not_there_is_refused(shelf: Shelf, composed: Composition, key: object) -> None:
    with pytest.raises(BadRequest, match="not here any more"):
        shelf.pick({"key": key}, composed, composed.text, "echo:", [ANNA])


def test_what_is_exported_is_imported_again(shelf: Shelf) -> None:
    text = shelf.write_file([ANNA])
    updates = shelf.read_file({"name": "mine.json", "text": text}, [ANNA, ANNA | {"name": "Bert"}])
    assert names(shelf, updates) == ["Anna", "Bert"]
    assert "One persona was imported" in updates[shelf.view.status]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "The file is not JSON"),
        ({"name": "x.json", "text": "[]"}, "x.json, "),
        ({"name": "x.json", "text": " " * 500_001}, "x.json is larger than 500 kB"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(shelf: Shelf, data: dict, told: str) -> None:
    with pytest.raises(BadRequest, match=told) as caught:
        shelf.read_file(data, [])
    assert "\n" not in str(caught.value)


def test_there_is_a_most_that_a_browser_keeps(shelf: Shelf, composed: Composition) -> None:
    full = [ANNA | {"name": f"Nr. {number}"} for number in range(MAX_PERSONAS)]
    with pytest.raises(BadRequest, match="at most 200"):
        shelf.save(composed, composed.text, "One more", full)


@pytest.mark.parametrize("kept", [None, "x", {}, [1, None, {"name": "x"}, ANNA | {"evil": 1}]])
def test_what_does_not_fit_is_left_out(kept: object) -> None:
    assert kept_personas(kept) == []
