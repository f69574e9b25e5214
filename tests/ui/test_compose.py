"""What the Compose tab shows for what is composed."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from janus_space.compose import load_hierarchy, own_hierarchy
from janus_space.home import Home
from janus_space.ui.composer import Composer, ComposeView, takes_system
from janus_space.ui.composition import Composition

FOLDING = "hf:kaist-ai/janus-7b"


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return load_hierarchy()


@pytest.fixture
def composer(hierarchy: Hierarchy) -> Composer:
    with gr.Blocks():
        view = ComposeView(*(gr.HTML() for _ in ComposeView._fields))
        return Composer(view, hierarchy, gr.State(Composition()))


def shown(composer: Composer, updates: dict) -> dict:
    return {name: updates.get(part) for name, part in zip(composer.view._fields, composer.view, strict=True)}


def test_a_pick_shows_everywhere_at_once(composer: Composer) -> None:
    view = shown(composer, composer.pick({"key": "plain-words"}, Composition(), "", "echo:", False))
    assert view["tree"] == view["picture"] == ["plain-words"]
    assert "simple everyday vocabulary" in view["chips"]
    assert "simple everyday vocabulary" in view["findings"]
    assert len(view["message"].split()) >= 120
    assert (view["badge"], view["rebuild"]["visible"]) == ("", False)


def test_the_box_that_allows_several_is_written_for_a_persona_alone(composer: Composer) -> None:
    """A late answer would turn it back while the visitor goes on picking."""
    composition, box = Composition(), composer.view.allow_more
    answers = [
        composer.pick({"key": "plain-words"}, composition, "", "echo:", True),
        composer.show(composition, "echo:"),
        composer.reword(composition, composition.text, "echo:"),
        composer.allow_more(composition, composition.text, "echo:", True),
    ]
    assert not [answer for answer in answers if box in answer]
    assert composer.show_all(composition, "echo:")[box]


def test_contradicting_picks_are_noted_once(composer: Composer) -> None:
    composition = Composition()
    for key in ("plain-words", "specialist"):
        view = shown(composer, composer.pick({"key": key}, composition, composition.text, "echo:", False))
    assert "A specialist expects exact terms" in view["notes"]
    assert "contradict" not in view["findings"]


def test_contradictions_of_a_typed_text_are_found_by_the_check(composer: Composer) -> None:
    text = "You are playful and witty. You keep a formal and professional register."
    view = shown(composer, composer.typed(Composition(), text, "echo:"))
    assert "may contradict each other" in view["findings"]


def test_the_check_never_touches_the_box(composer: Composer) -> None:
    composition = Composition()
    updates = composer.typed(composition, "You are <b>kind</b>.", "echo:")
    assert composer.view.message not in updates
    assert "Edited" in shown(composer, updates)["badge"]
    assert composition.text == "You are <b>kind</b>."


def test_one_a_dimension_or_more(composer: Composer) -> None:
    composition = Composition()
    composer.allow_more(composition, "", "echo:", True)
    for key in ("plain-words", "one-sentence"):
        composer.pick({"key": key}, composition, composition.text, "echo:", False)
    assert composition.picks.ids == ("plain-words", "one-sentence")
    view = shown(composer, composer.allow_more(composition, composition.text, "echo:", False))
    assert view["tree"] == ["plain-words"]


def test_nothing_picked_has_no_other_wording(composer: Composer) -> None:
    with pytest.raises(BadRequest, match="pick a preference first"):
        composer.reword(Composition(), "", "echo:")


def test_only_a_model_known_to_fold_is_said_to(composer: Composer) -> None:
    assert not takes_system(FOLDING)
    assert takes_system("echo:")
    assert takes_system("hf:some/stranger")
    assert (
        "no place for a system message" in shown(composer, composer.typed(Composition(), "You.", FOLDING))["findings"]
    )


def test_an_own_file_grows_the_tree_and_a_broken_one_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.hierarchies.mkdir()
    own = load_hierarchy().leaves["plain-words"].model_dump(mode="json", exclude={"dimension", "subdimension"})
    sub = {"id": "clarity", "preferences": [own | {"id": "plainer-words"}]}
    path = home.hierarchies / "mine.json"
    path.write_text(json.dumps({"dimensions": [{"id": "style", "subdimensions": [sub]}]}), "utf-8")
    hierarchy, complaint = own_hierarchy(home)
    assert ("plainer-words" in hierarchy.leaves, complaint) == (True, "")
    path.write_text("{", "utf-8")
    hierarchy, complaint = own_hierarchy(home)
    assert "plainer-words" not in hierarchy.leaves
    assert "left out: mine.json is not JSON" in complaint
