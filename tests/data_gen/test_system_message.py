"""The written system message: good English for every combination, and each preference's words known in it."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from data_gen import frames
from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy, Leaf
from data_gen.preferences import DIMENSIONS
from data_gen.system_message import MAX_PICKS, SystemMessage, recover, write

ROOT = Path(__file__).parents[2]
HIERARCHY = Hierarchy.load([ROOT / "assets" / "preferences.json"])
LEAVES = list(HIERARCHY.leaves.values())
RANDOM_SETS = 10_000

SPOKEN_WITH_CONSONANT = re.compile(r"(?:one|once|uni|use|usu|eu)")
SPOKEN_WITH_VOWEL = re.compile(r"(?:hour|honest|honour|heir)")


def wording(leaf: Leaf) -> set[str]:
    return {*leaf.full, *leaf.brief, leaf.aim, *filter(None, (leaf.role, leaf.audience))}


def faults(text: str) -> Iterator[str]:
    """Name whatever a careful reader would strike out."""
    sentences = re.split(r"(?<=[.!?]) ", text)
    for sentence in sentences:
        if not re.fullmatch(r"[A-Z][^.!?]*\.", sentence):
            yield f"not one sentence with a capital and a full stop: {sentence}"
        if len(sentence.split()) > 45:
            yield f"too long: {sentence}"
    if len({sentence.lower() for sentence in sentences}) < len(sentences):
        yield "a sentence is repeated"
    for pattern, fault in (
        (r"[{}$<>\[\]_]|\b(?-i:None)\b", "a slot is left over"),
        (r"\b(\w+) \1\b", "a word is doubled"),
        (r"\s\s|\s[,;.]|[,;.]{2}|[,;](?! )|\n", "spaces or punctuation are wrong"),
        (r"style|background|informativ|harmless", "a dimension is named"),
        (r"^\s*[-*\d]|:", "it lists"),
        (r"[\"“”]", "it quotes"),
    ):
        if match := re.search(pattern, text, re.IGNORECASE):
            yield f"{fault}: {match[0]}"
    yield from wrong_articles(text.lower())
    if not re.match(r"You (?:are|serve|work|act)|As an? |In your role|Your place is", text):
        yield "it does not open with a role"
    if not re.search(r"\b(?:mission|goal|purpose|task|here for)\b", sentences[-1]):
        yield "it does not close with a mission"


def wrong_articles(text: str) -> Iterator[str]:
    for article, word in re.findall(r"\b(an?) (\w+)", text):
        starts_with_vowel = word[0] in "aeiou" and not SPOKEN_WITH_CONSONANT.match(word)
        if (article == "an") != (starts_with_vowel or bool(SPOKEN_WITH_VOWEL.match(word))):
            yield f"{article} {word}"


def assert_good(picks: Sequence[Leaf], message: SystemMessage) -> None:
    about = f"{[leaf.id for leaf in picks]}: {message.text}"
    assert list(faults(message.text)) == [], about
    assert 120 <= len(message.text.split()) <= 170, about
    said = {leaf.id: set[str]() for leaf in picks}
    for span in message.spans:
        words = message.text[span.start : span.end]
        said[span.preference_id].add(words[0].lower() + words[1:])
    for leaf in picks:
        assert said[leaf.id] <= wording(leaf), about
        assert said[leaf.id] & {*leaf.full, *leaf.brief}, f"{leaf.id} is missing from {about}"


def random_sets(count: int, seed: int) -> Iterator[list[Leaf]]:
    """Draw sets of 1 to 8: half of them with at most one a dimension, half without any such rule."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 2:
            yield rng.sample(LEAVES, rng.randint(1, MAX_PICKS))
        else:
            chosen = rng.sample(DIMENSIONS, rng.randint(1, 4))
            yield [rng.choice([leaf for leaf in LEAVES if leaf.dimension == name]) for name in chosen]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_single_pick_reads_well(seed: int) -> None:
    for leaf in LEAVES:
        assert_good([leaf], write([leaf], seed))


def test_ten_thousand_random_sets_read_well() -> None:
    for seed, picks in enumerate(random_sets(RANDOM_SETS, seed=1)):
        assert_good(picks, write(picks, seed))


def test_what_the_checks_look_for_they_find() -> None:
    good = write(LEAVES[:1]).text
    for bad in (
        good + " " + good.split(". ")[1] + ".",
        good.replace(" a ", " a a ", 1),
        good.replace(" a ", " an ", 1),
        good.replace(", ", " , ", 1),
        good.replace(", ", ",, ", 1),
        good.replace(".", "..", 1),
        good.replace("you", "{role}", 1),
        good[0].lower() + good[1:],
        "Some " + good,
        good + " The style counts.",
        good.rsplit(". ", 1)[0] + ".",
    ):
        assert list(faults(bad)), bad
    assert not list(faults(good))


def test_four_picks_make_about_five_sentences() -> None:
    lengths = [write(HIERARCHY.surprise(seed), seed).text.count(".") for seed in range(300)]
    assert set(lengths) <= {5, 6}
    assert lengths.count(5) > 250


def test_a_seed_always_gives_the_same_text_and_others_another() -> None:
    for picks in random_sets(100, seed=2):
        texts = [write(picks, seed).text for seed in range(8)]
        assert texts == [write(picks, seed).text for seed in range(8)]
        assert len(set(texts)) == 8


def test_the_text_does_not_depend_on_the_process() -> None:
    code = (
        "from pathlib import Path; from data_gen.hierarchy import Hierarchy; from data_gen.system_message import write;"
        "h = Hierarchy.load([Path('assets/preferences.json')]); print(write(h.surprise(3), 3).text)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == write(HIERARCHY.surprise(3), 3).text


def test_seeds_vary_opening_order_and_closing() -> None:
    picks = HIERARCHY.surprise(5)
    texts = [write(picks, seed).text for seed in range(60)]
    assert len({text.split()[0:2][1] + text.split()[0] for text in texts}) >= 4
    assert len({text.rsplit(". ", 1)[1].split()[0] for text in texts}) >= 4
    first_wish = {min(write(picks, seed).spans, key=lambda span: span.start).preference_id for seed in range(60)}
    assert len(first_wish) >= 2


def test_leaving_one_out_takes_its_words_away_and_no_others() -> None:
    for seed, picks in enumerate(random_sets(400, seed=3)):
        whole = write(picks, seed)
        for leaf in picks:
            rest = write(picks, seed, leave_out=leaf.id)
            assert list(faults(rest.text)) == [], rest.text
            assert not recover(rest.text, [leaf])
            kept = [whole.text[one.start : one.end] for one in whole.spans if one.preference_id != leaf.id]
            assert sorted(words.lower() for words in kept) == sorted(
                rest.text[one.start : one.end].lower() for one in rest.spans
            )


def test_words_are_found_again_after_the_text_was_edited() -> None:
    picks = HIERARCHY.surprise(9)
    message = write(picks, 9)
    assert recover(message.text, picks) == message.spans
    edited = "Dear assistant! " + message.text.upper() + " Thank you."
    shift = len("Dear assistant! ")
    assert [(one.preference_id, one.start - shift) for one in recover(edited, picks)] == [
        (one.preference_id, one.start) for one in message.spans
    ]


@pytest.mark.parametrize("count", [0, MAX_PICKS + 1])
def test_too_few_or_too_many_are_refused(count: int) -> None:
    with pytest.raises(BadRequest, match=f"from 1 to {MAX_PICKS} preferences; {count} are picked"):
        write(LEAVES[:count])


def test_neutral_prose_speaks_to_no_preference() -> None:
    from data_gen.recognition import Lexicon

    lexicon = Lexicon(HIERARCHY)
    for text in (*frames.NEUTRAL_SENTENCES, *frames.NEUTRAL_WISHES, *frames.NEUTRAL_ROLES, frames.NEUTRAL_AIM):
        assert lexicon.preferences(text) == [], text
        assert not any(lexicon.dimensions(text).values()), text
