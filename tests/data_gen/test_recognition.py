"""What a text speaks to: found in composed texts nearly always, in hand-written ones by the words people use."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_gen.hierarchy import Hierarchy
from data_gen.recognition import Lexicon
from data_gen.system_message import write
from tests.data_gen.test_system_message import random_sets

HIERARCHY = Hierarchy.load([Path(__file__).parents[2] / "assets" / "preferences.json"])
LEXICON = Lexicon(HIERARCHY)


def test_composed_preferences_are_all_recognised_and_few_others() -> None:
    hits = others = 0
    for seed, picks in enumerate(random_sets(400, seed=4)):
        wanted = {leaf.id for leaf in picks}
        found = set(LEXICON.preferences(write(picks, seed).text))
        assert wanted <= found
        hits += len(wanted)
        others += len(found - wanted)
    assert others / (hits + others) < 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Be concise and friendly.", {"style": ["concise", "friendly"]}),
        ("You talk to beginners.", {"background_knowledge": ["beginners"]}),
        ("Warn people of risks and cite your sources.", {"harmlessness": ["warn", "risks", "cite", "sources"]}),
        ("Give tips, and be thorough.", {"informativeness": ["tips", "thorough"]}),
        ("You speak of castles and quests.", {}),
        ("Informal briefings on toneless tables", {}),
    ],
)
def test_the_words_that_say_so_are_told(text: str, expected: dict[str, list[str]]) -> None:
    assert {name: words for name, words in LEXICON.dimensions(text).items() if words} == expected


def test_a_paraphrase_is_recognised_and_a_single_shared_word_is_not() -> None:
    assert "exhaustive-depth" not in LEXICON.preferences("You stop at details.")
    assert "risks-first" in LEXICON.preferences("Name all dangers ahead of any action they may concern.")
