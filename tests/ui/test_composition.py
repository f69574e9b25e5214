"""The text follows the picks until somebody else has had a hand in it."""

from __future__ import annotations

import pytest

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from janus_space.comparison import MAX_TEXT
from janus_space.compose import Picks, load_hierarchy
from janus_space.personas import Persona
from janus_space.ui.composition import Composition

NADIA = Persona(name="Nadia", preferences=("answer-first", "checked-figures"), seed=2)
OWN_TEXT = Persona(name="Own", preferences=("answer-first",), system="You are mine.")


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return load_hierarchy()


@pytest.fixture
def picked(hierarchy: Hierarchy) -> Composition:
    composition = Composition()
    composition.toggle("plain-words", hierarchy)
    return composition


def test_a_pick_writes_and_the_same_pick_takes_it_back(picked: Composition, hierarchy: Hierarchy) -> None:
    assert 120 <= len(picked.text.split()) <= 170
    assert not picked.is_edited
    picked.toggle("plain-words", hierarchy)
    assert (picked.picks.ids, picked.text, picked.is_edited) == ((), "", False)


def test_another_wording_says_the_same_picks(picked: Composition, hierarchy: Hierarchy) -> None:
    before = picked.text
    picked.reword(hierarchy)
    assert picked.text != before
    assert picked.picks.ids == ("plain-words",)


def test_what_was_edited_by_hand_is_never_overwritten(picked: Composition, hierarchy: Hierarchy) -> None:
    edited = f"{picked.text} And smile."
    picked.see(edited)
    assert picked.is_edited
    picked.toggle("both-sides", hierarchy)
    picked.reword(hierarchy)
    picked.surprise(7, hierarchy)
    picked.become(NADIA, hierarchy)
    picked.become(OWN_TEXT, hierarchy)
    assert picked.text == edited
    assert picked.picks.ids == OWN_TEXT.preferences


def test_a_page_that_lags_behind_quick_picks_has_not_edited_anything(picked: Composition, hierarchy: Hierarchy) -> None:
    first = picked.text
    picked.toggle("both-sides", hierarchy)
    picked.see(first)  # the third pick was made before the second one's text had come
    picked.toggle("answer-first", hierarchy)
    assert not picked.is_edited
    assert picked.text == picked.picks.system_message(hierarchy, picked.seed).text


def test_rebuilding_brings_the_picks_back_on_purpose(picked: Composition, hierarchy: Hierarchy) -> None:
    written = picked.text
    picked.see("Something else.")
    picked.rebuild(hierarchy)
    assert (picked.text, picked.is_edited) == (written, False)


def test_an_emptied_box_follows_the_picks_again(picked: Composition, hierarchy: Hierarchy) -> None:
    picked.see("Something else.")
    picked.see("  ")
    assert not picked.is_edited
    picked.toggle("both-sides", hierarchy)
    assert len(picked.text.split()) >= 120


def test_a_persona_brings_its_wording(hierarchy: Hierarchy) -> None:
    composition = Composition()
    composition.become(NADIA, hierarchy)
    assert composition.text == NADIA.system_message(hierarchy)
    assert not composition.is_edited


def test_a_personas_own_text_stays_when_picks_change_but_gives_way_to_the_next_persona(hierarchy: Hierarchy) -> None:
    composition = Composition()
    composition.become(OWN_TEXT, hierarchy)
    assert (composition.text, composition.is_edited, composition.is_hand_edited) == ("You are mine.", True, False)
    composition.toggle("both-sides", hierarchy)
    assert composition.text == "You are mine."
    composition.become(NADIA, hierarchy)
    assert composition.text == NADIA.system_message(hierarchy)


def test_a_persona_with_two_of_a_dimension_allows_more(hierarchy: Hierarchy) -> None:
    composition = Composition()
    composition.become(Persona(name="Two", preferences=("fair-to-all", "names-sources")), hierarchy)
    assert composition.picks.allow_more
    composition.become(NADIA, hierarchy)
    assert not composition.picks.allow_more


def test_a_surprise_draws_one_of_each_dimension(hierarchy: Hierarchy) -> None:
    composition = Composition(picks=Picks(allow_more=True))
    composition.surprise(3, hierarchy)
    assert len({leaf.dimension for leaf in composition.picks.leaves(hierarchy)}) == 4
    assert composition.picks.allow_more


def test_an_accepted_proposal_counts_as_typed(picked: Composition, hierarchy: Hierarchy) -> None:
    picked.proposal = "You are smooth."
    picked.accept()
    picked.toggle("both-sides", hierarchy)
    assert (picked.text, picked.proposal, picked.is_edited) == ("You are smooth.", "", True)


def test_what_the_page_cannot_have_sent_is_refused_or_cut(picked: Composition, hierarchy: Hierarchy) -> None:
    with pytest.raises(BadRequest, match="no preference 'None'"):
        picked.toggle("None", hierarchy)
    picked.see("x" * (MAX_TEXT + 1))
    assert len(picked.text) == MAX_TEXT
    picked.see(None)
    assert picked.text == ""
