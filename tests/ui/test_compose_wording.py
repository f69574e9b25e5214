"""Chips, notes, findings and cards: all that is foreign in them is escaped."""

from __future__ import annotations

import pytest

from data_gen.hierarchy import Hierarchy
from janus_space.compose import Finding, load_hierarchy
from janus_space.personas import Persona
from janus_space.ui import compose_wording

ATTACK = "<img src=x onerror=\"alert('x')\">"


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return load_hierarchy()


def test_each_chip_has_a_button_that_says_what_it_removes(hierarchy: Hierarchy) -> None:
    html = compose_wording.chips(hierarchy.pick(["plain-words", "both-sides"]), hierarchy)
    assert html.count("<li") == 2
    assert "data-key='plain-words' aria-label='Remove simple everyday vocabulary'" in html
    assert "class='chip harmlessness'><span class='visually-hidden'>Harmlessness: </span>both sides weighed" in html
    assert "Nothing is picked yet" in compose_wording.chips([], hierarchy)


def test_a_contradiction_names_both_and_says_why(hierarchy: Hierarchy) -> None:
    html = compose_wording.contradictions(hierarchy.conflicts(["plain-words", "specialist"]), hierarchy)
    assert "“simple everyday vocabulary” and “specialist in the field”: A specialist expects exact terms" in html
    assert compose_wording.contradictions([], hierarchy) == ""


def test_a_finding_is_marked_in_words_too() -> None:
    html = compose_wording.findings(
        [Finding(kind="length", is_fine=True, text="Fits."), Finding(kind="form", is_fine=False, text=f"Says {ATTACK}")]
    )
    assert "<li class='fine'><span class='mark' aria-hidden='true'>✓</span>" in html
    assert "<span class='visually-hidden'>To look at: </span>Says &lt;img" in html


def test_a_strangers_persona_is_only_text(hierarchy: Hierarchy) -> None:
    stranger = Persona(name=ATTACK, who=ATTACK, preferences=("plain-words", "gone-since"))
    html = compose_wording.cards([stranger], hierarchy, "mine-", can_forget=True)
    assert "<img" not in html
    assert 'onerror="' not in html
    assert "simple everyday vocabulary" in html
    assert "gone-since" not in html
    assert "data-key='mine-0'" in html
    assert "data-key='forget-0'" in html
    assert "forget" not in compose_wording.cards([stranger], hierarchy, "gallery-", can_forget=False)
