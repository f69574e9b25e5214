"""Picks, the check of a hand-written message, and the request for a smoother one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from data_gen.system_message import MAX_PICKS
from janus_space.compose import Finding, Picks, check, load_hierarchy, read_rewrite, rewrite_prompt


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return load_hierarchy()


def of_kind(findings: list[Finding], kind: str) -> list[Finding]:
    return [finding for finding in findings if finding.kind == kind]


def test_a_second_pick_of_a_dimension_takes_the_place_of_the_first(hierarchy: Hierarchy) -> None:
    picks = Picks().take("plain-words", hierarchy).take("specialist", hierarchy)
    assert [one.note for one in picks.contradictions(hierarchy)] == [
        "A specialist expects exact terms without explanations."
    ]
    picks = picks.take("personal-letter", hierarchy)
    assert picks.ids == ("specialist", "personal-letter")
    assert picks.contradictions(hierarchy) == []
    assert picks.take("personal-letter", hierarchy) == picks
    assert picks.drop("specialist").ids == ("personal-letter",)


def test_more_than_one_a_dimension_on_wish_up_to_the_most_a_message_holds(hierarchy: Hierarchy) -> None:
    picks = Picks().allowing_more(True, hierarchy)
    names = list(hierarchy.leaves)[: MAX_PICKS + 1]
    for name in names[:-1]:
        picks = picks.take(name, hierarchy)
    assert picks.ids == tuple(names[:-1])
    with pytest.raises(BadRequest, match="drop one first"):
        picks.take(names[-1], hierarchy)
    assert picks.allowing_more(False, hierarchy).ids == (names[0],)


def test_picks_survive_json_and_refuse_what_is_not_theirs(hierarchy: Hierarchy) -> None:
    picks = Picks().take("plain-words", hierarchy)
    assert Picks.model_validate_json(picks.model_dump_json()) == picks
    assert Picks(ids=("a", "a")).ids == ("a",)
    with pytest.raises(ValidationError):
        Picks(ids=tuple(map(str, range(MAX_PICKS + 1))))
    with pytest.raises(BadRequest, match="no preference 'nothing'"):
        picks.take("nothing", hierarchy)


def test_picks_write_their_message_and_leave_one_out(hierarchy: Hierarchy) -> None:
    picks = Picks(ids=("plain-words", "both-sides"))
    whole = picks.system_message(hierarchy, seed=4)
    rest = picks.system_message(hierarchy, seed=4, leave_out="both-sides")
    assert {span.preference_id for span in whole.spans} == set(picks.ids)
    assert {span.preference_id for span in rest.spans} == {"plain-words"}


def test_a_composed_message_passes_the_check(hierarchy: Hierarchy) -> None:
    leaves = hierarchy.surprise(12)
    findings = check(Picks(ids=tuple(leaf.id for leaf in leaves)).system_message(hierarchy).text, hierarchy, True)
    assert all(finding.is_fine for finding in findings), findings
    for leaf, finding in zip(leaves, of_kind(findings, "speaks_to"), strict=True):
        assert finding.dimension == leaf.dimension
        assert leaf.preference in finding.text


def test_a_hand_written_message_is_told_what_it_says_and_what_it_leaves_open(hierarchy: Hierarchy) -> None:
    text = "You are a very brief teacher of children. Answer in one sentence."
    findings = check(text, hierarchy, takes_system=False)
    assert {finding.dimension for finding in of_kind(findings, "speaks_to")} == {"style", "background_knowledge"}
    assert {finding.dimension for finding in of_kind(findings, "silent_on")} == {"informativeness", "harmlessness"}
    assert "“brief”" in of_kind(findings, "speaks_to")[0].text
    assert of_kind(findings, "length")[0].text.startswith("12 words: shorter than")
    assert of_kind(findings, "no_system_role")
    assert not of_kind(findings, "form")


def test_contradictions_in_a_hand_written_message_are_found(hierarchy: Hierarchy) -> None:
    text = "You are playful and witty. You keep a formal and professional register."
    (found,) = of_kind(check(text, hierarchy, True), "contradiction")
    assert "“playful and witty”, “formal and professional”" in found.text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("You are kind.\n- be brief\n- be warm", "list"),
        ("You are kind.\n1) be brief", "list"),
        ("You are kind.\n\nYou are brief.", "several paragraphs"),
        ("You are a {role} of kindness.", "blank"),
        ("You are an expert in [insert topic].", "blank"),
        ("You are kind. As for harmlessness, warn of risks.", "names a dimension"),
        ("Answer with rhymes.", "never says “you”"),
        ("Kindness is what you are known for.", "does not open with a role"),
        ("   ", "Nothing is written yet"),
    ],
)
def test_what_is_odd_about_the_form_is_told(text: str, told: str, hierarchy: Hierarchy) -> None:
    (found,) = of_kind(check(text, hierarchy, True), "form")
    assert told in found.text
    assert not found.is_fine


@pytest.mark.parametrize(
    ("words", "is_fine", "told"),
    [(140, True, "as long as"), (119, True, "close to"), (60, False, "shorter than"), (400, False, "longer than")],
)
def test_the_length_is_held_against_the_training_messages(
    words: int, is_fine: bool, told: str, hierarchy: Hierarchy
) -> None:
    (found,) = of_kind(check(" ".join(["seven77"] * words), hierarchy, True), "length")
    assert (found.is_fine, told in found.text) == (is_fine, True)


def test_own_files_grow_the_hierarchy(tmp_path: Path, hierarchy: Hierarchy) -> None:
    own = hierarchy.leaves["plain-words"].model_dump(mode="json", exclude={"dimension", "subdimension"})
    own |= {"id": "plainer-words"}
    branch = {"id": "style", "subdimensions": [{"id": "clarity", "preferences": [own]}]}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"dimensions": [branch]}), "utf-8")
    assert set(load_hierarchy([path]).leaves) - set(hierarchy.leaves) == {"plainer-words"}


def test_the_request_for_a_smoother_text_holds_the_whole_text_and_guards_it() -> None:
    text = "You are kind. Cost: $5 {x}."
    conversation = rewrite_prompt(f"  {text}\n")
    (message,) = conversation.messages
    assert f"==========\n{text}\n==========" in message.content
    with pytest.raises(BadRequest, match="nothing to rewrite"):
        rewrite_prompt("  ")


MESSAGE = "You are a guide. You say “plainly” what is: nothing else."


@pytest.mark.parametrize(
    "answer",
    [
        MESSAGE,
        f"  {MESSAGE}\n",
        f'"{MESSAGE}"',
        f"“{MESSAGE}”",
        f"```text\n{MESSAGE}\n```",
        f"==========\n{MESSAGE}\n==========",
        f"Sure! Here is the rewritten system message:\n\n{MESSAGE}",
        f"Here’s a smoother version: {MESSAGE}",
        f"**Rewritten system message:**\n\n{MESSAGE}",
        f'Certainly. Here it is:\n\n"{MESSAGE}"\n\nI hope this helps! Let me know.',
        f"Here is the rewritten system message:\n```\n{MESSAGE}\n```\n\nNote: I kept every wish.",
    ],
)
def test_what_a_chatty_model_says_around_its_rewrite_is_left_out(answer: str) -> None:
    assert read_rewrite(answer) == MESSAGE


@pytest.mark.parametrize("answer", ["", "  \n", "Sure! Here is the rewritten system message:", "``````"])
def test_an_answer_without_a_message_is_no_rewrite(answer: str) -> None:
    with pytest.raises(BadRequest, match="no message back"):
        read_rewrite(answer)


def test_a_message_that_only_looks_chatty_stays_whole() -> None:
    text = "You are kind. Here is how: you listen.\n\nYou note what people need."
    assert read_rewrite(text) == text
