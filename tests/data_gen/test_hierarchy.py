"""The preference hierarchy: the built-in file as it must be, and files of the user's own."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from data_gen.preferences import DIMENSIONS, tree_counts
from tests.data_gen.test_wording import SOUND

BUILT_IN = Path(__file__).parents[2] / "assets" / "preferences.json"
SUBDIMENSIONS = {
    "style": ["clarity", "conciseness", "format", "tone", "vividness"],
    "background_knowledge": ["novice", "basic", "intermediate", "advanced", "expert"],
    "informativeness": ["creativity", "depth", "efficiency", "practicality", "relevance"],
    "harmlessness": ["accuracy", "morality", "safety", "sensitivity", "trustworthiness"],
}


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return Hierarchy.load([BUILT_IN])


def written(folder: Path, name: str = "mine.json", **content: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(content), "utf-8")
    return path


def branch(dimension: str, subdimension: str, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": dimension, "subdimensions": [{"id": subdimension, "preferences": list(entries), **more}]}


def test_the_built_in_tree_has_the_shape_of_the_paper(hierarchy: Hierarchy) -> None:
    assert {one.id: [sub.id for sub in one.subdimensions] for one in hierarchy.dimensions} == SUBDIMENSIONS
    assert all(one.label and one.question.endswith("?") for one in hierarchy.dimensions)
    for one in hierarchy.dimensions:
        for sub in one.subdimensions:
            assert sub.label
            assert sub.description.endswith(".")
            assert len(sub.signs) >= 8
            assert len(sub.preferences) == 5


def test_every_built_in_text_is_of_the_measured_length_and_said_only_once(hierarchy: Hierarchy) -> None:
    texts: Counter[str] = Counter()
    for leaf in hierarchy.leaves.values():
        assert 1 <= len(leaf.preference.split()) <= 8, leaf.id
        assert 46 <= len(leaf.description.split()) <= 60, leaf.id
        assert re.fullmatch(r"(?:[A-Z][^.]*\.(?: |$)){1,2}", leaf.description), leaf.id
        assert len(leaf.full) >= 2, leaf.id
        assert len(leaf.brief) >= 2, leaf.id
        assert leaf.audience if leaf.dimension == "background_knowledge" else leaf.role, leaf.id
        texts.update([leaf.preference, leaf.description, *leaf.full, *leaf.brief, leaf.aim])
        texts.update(filter(None, [leaf.role, leaf.audience]))
    assert [text for text, count in texts.items() if count > 1] == []


def test_no_built_in_wording_names_a_dimension(hierarchy: Hierarchy) -> None:
    for leaf in hierarchy.leaves.values():
        for text in (*leaf.full, *leaf.brief, leaf.aim, leaf.role or "", leaf.audience or ""):
            assert not re.search("style|background|informativ|harmless", text), leaf.id


def test_preferences_of_the_users_own_join_the_tree(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        dimensions=[branch("style", "rhyme", SOUND), branch("style", "tone", SOUND | {"id": "gruff"}, label="Mine")],
        conflicts=[{"one": ["gruff"], "other": ["warm-and-encouraging"], "note": "Gruff is not warm."}],
    )
    hierarchy = Hierarchy.load([BUILT_IN, path])
    assert hierarchy.leaves["in-rhyme"].subdimension == "rhyme"
    assert hierarchy.leaves["gruff"].dimension == "style"
    labels = {sub.id: sub.label for sub in hierarchy.dimensions[0].subdimensions}
    assert labels["tone"] == "Tone"
    assert labels["rhyme"] == "Rhyme"
    assert hierarchy.conflicts(["gruff", "plain-words", "warm-and-encouraging"]) == [
        ("gruff", "warm-and-encouraging", "Gruff is not warm.")
    ]


def test_errors_name_the_file_and_the_place(tmp_path: Path) -> None:
    short = SOUND | {"brief": ["put it well"]}
    cases = {
        r"mine\.json, dimensions 1, subdimensions 1, preferences 2, brief 1: has 3 words, and 8 to 13 are needed\.$": {
            "dimensions": [branch("style", "tone", SOUND, short)]
        },
        r"mine\.json: the id 'plain-words' is already taken in preferences\.json": {
            "dimensions": [branch("style", "tone", SOUND | {"id": "plain-words"})]
        },
        r"mine\.json: a conflict names the preference 'nobody'": {
            "conflicts": [{"one": ["nobody"], "other": ["plain-words"], "note": "No."}]
        },
        r"mine\.json, dimensions 1, id: Input should be 'style', 'background_knowledge'": {
            "dimensions": [branch("mood", "tone", SOUND)]
        },
    }
    for told, content in cases.items():
        with pytest.raises(BadRequest, match=told):
            Hierarchy.load([BUILT_IN, written(tmp_path, **content)])
    with pytest.raises(BadRequest, match=r"absent\.json cannot be read"):
        Hierarchy.load([tmp_path / "absent.json"])


def test_search_finds_words_from_their_beginning_and_keywords_first(hierarchy: Hierarchy) -> None:
    found = [leaf.id for leaf in hierarchy.search("stor")]
    assert found[0] == "told-as-a-story"
    assert hierarchy.search("TONE warm")[0].id == "warm-and-encouraging"
    assert {leaf.subdimension for leaf in hierarchy.search("expert")[:5]} == {"expert"}
    assert hierarchy.search("zzz") == hierarchy.search("  ") == []


def test_a_surprise_is_one_a_dimension_without_contradictions_and_repeatable(hierarchy: Hierarchy) -> None:
    drawn = [[leaf.id for leaf in hierarchy.surprise(seed)] for seed in range(200)]
    assert len({tuple(ids) for ids in drawn}) > 190
    for seed, ids in enumerate(drawn):
        assert tuple(leaf.dimension for leaf in hierarchy.pick(ids)) == DIMENSIONS
        assert not hierarchy.conflicts(ids)
        assert ids == [leaf.id for leaf in hierarchy.surprise(seed)]


def test_conflicts_hold_in_both_orders_and_never_with_oneself(hierarchy: Hierarchy) -> None:
    (one,) = hierarchy.conflicts(["specialist", "plain-words"])
    (other,) = hierarchy.conflicts(["plain-words", "specialist"])
    assert (one.first, one.second, one.note) == (other.second, other.first, other.note)
    for clash in hierarchy.clashes:
        assert not {*clash.one} & {*clash.other}
        assert re.fullmatch(r"[A-Z][^.]*\.", clash.note)


def test_each_pair_contradicts_at_most_once(hierarchy: Hierarchy) -> None:
    pairs = Counter(
        frozenset((one, other)) for clash in hierarchy.clashes for one in clash.one for other in clash.other
    )
    assert [sorted(pair) for pair, count in pairs.items() if count > 1] == []


def test_picks_become_a_records_set_in_order(hierarchy: Hierarchy) -> None:
    ids = ["both-sides", "plain-words", "reasons-why", "specialist"]
    made = hierarchy.preference_set(ids).model_dump()
    assert [row["dimension"] for row in made] == list(DIMENSIONS)
    assert set(made[0]) == {"dimension", "subdimension", "preference", "description"}
    with pytest.raises(BadRequest, match="one preference from each"):
        hierarchy.preference_set(ids[:3])
    with pytest.raises(BadRequest, match="no preference 'unknown'"):
        hierarchy.preference_set(["unknown"])


def test_the_tree_itself_counts_a_hundred_leaves(hierarchy: Hierarchy) -> None:
    counts = tree_counts([[leaf.as_preference() for leaf in hierarchy.leaves.values()]])
    assert Counter(len(node.path) for node in counts) == {1: 4, 2: 20, 3: 100}
    assert [node.count for node in counts if len(node.path) == 1] == [25] * 4
