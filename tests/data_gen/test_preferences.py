"""The nouns: a preference, a set of four, the counts behind a sunburst."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from data_gen.preferences import DIMENSIONS, Preference, PreferenceSet, tree_counts


def preference(dimension: str, subdimension: str = "some", keywords: str = "some words") -> Preference:
    return Preference(dimension=dimension, subdimension=subdimension, preference=keywords, description="Text.")


def test_a_set_is_one_preference_a_dimension_in_order() -> None:
    rows = [preference(name).model_dump() for name in DIMENSIONS]
    assert list(PreferenceSet.model_validate(rows).model_dump()) == rows
    for wrong in (rows[::-1], [rows[0]] * 4, rows[:3], [*rows, rows[0]]):
        with pytest.raises(ValidationError):
            PreferenceSet.model_validate(wrong)


def test_a_row_of_the_public_collection_is_read_as_it_stands() -> None:
    row = preference("style").model_dump() | {"added_by_someone": 1}
    assert Preference.model_validate(row).dimension == "style"
    with pytest.raises(ValidationError):
        Preference.model_validate(row | {"dimension": "mood"})


def test_counts_add_up_from_the_leaves_to_the_dimensions() -> None:
    sets = [
        [preference("style", "tone", "warm"), preference("harmlessness", "safety", "risks")],
        [preference("style", "tone", "warm"), preference("style", "clarity", "plain")],
        [preference("style", "tone", "dry")],
    ]
    assert [(node.path, node.count) for node in tree_counts(sets)] == [
        (("style",), 4),
        (("style", "tone"), 3),
        (("style", "tone", "warm"), 2),
        (("style", "tone", "dry"), 1),
        (("style", "clarity"), 1),
        (("style", "clarity", "plain"), 1),
        (("harmlessness",), 1),
        (("harmlessness", "safety"), 1),
        (("harmlessness", "safety", "risks"), 1),
    ]
    assert tree_counts([]) == []
