from __future__ import annotations

import pytest

from janus_space.publish.licence import Origin, decide


def parts(base: str | None, data: str | None) -> list[Origin]:
    return [Origin("the base", base), Origin("the dataset", data)]


@pytest.mark.parametrize(
    ("base", "data", "licence"),
    [
        ("apache-2.0", "cc-by-4.0", "apache-2.0"),
        ("Apache-2.0", "mit", "apache-2.0"),
        ("apache-2.0", "cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("gemma", "mit", "gemma"),
        ("apache-2.0", None, "other"),
        (None, None, "other"),
    ],
)
def test_without_a_wish_the_licence_follows_from_the_parts(base: str | None, data: str | None, licence: str) -> None:
    decision = decide(parts(base, data), None)
    assert decision.licence == licence
    assert decision.conflict is None
    assert len(decision.warnings) == [base, data].count(None)


@pytest.mark.parametrize(
    ("base", "data", "wish", "told"),
    [
        ("apache-2.0", "cc-by-nc-4.0", "mit", "non-commercial use only; mit would allow more"),
        ("apache-2.0", "cc-by-sa-4.0", "mit", "bears the same licence, not mit"),
        ("llama3.1", "mit", "apache-2.0", "bears the same licence, not apache-2.0"),
        ("apache-2.0", "cc-by-nd-4.0", "cc-by-nd-4.0", "forbids to publish what is made from it"),
        ("gpl-3.0", "cc-by-nc-4.0", None, "the dataset is under cc-by-nc-4.0"),
    ],
)
def test_what_is_contradicted_is_a_question(base: str, data: str, wish: str | None, told: str) -> None:
    assert told in str(decide(parts(base, data), wish).conflict)


@pytest.mark.parametrize(
    ("base", "data", "wish"),
    [
        ("apache-2.0", "cc-by-4.0", "cc-by-nc-4.0"),
        ("apache-2.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
        ("gemma", "mit", "gemma"),
        (None, "mit", "mit"),
    ],
)
def test_a_licence_that_allows_no_more_than_the_parts_is_taken(base: str | None, data: str, wish: str) -> None:
    decision = decide(parts(base, data), wish)
    assert (decision.licence, decision.conflict) == (wish, None)
