from __future__ import annotations

from collections import Counter

from data_gen.contrast import pairs_of, sibling_groups
from data_gen.records import GrownRecord
from tests.sample_records import siblings


def test_a_pair_takes_a_message_its_own_answer_and_a_siblings_answer() -> None:
    group = siblings("a")
    (pair,) = pairs_of(group, "paper", seed=0)
    own, other = group[pair.chosen_set], group[pair.rejected_set]
    assert own is not other
    assert (pair.system, pair.prompt) == (own.system, own.prompt)
    assert [(one.role, one.content) for one in pair.chosen] == [("user", own.prompt), ("assistant", own.output)]
    assert pair.rejected[1].content == other.output


def test_contrast_chooses_each_answer_once_a_sibling_and_rejects_it_as_often() -> None:
    pairs = list(pairs_of(siblings("a", 4), "contrast", seed=0))
    assert len(pairs) == 4 * 3
    assert set(Counter(pair.chosen[1].content for pair in pairs).values()) == {3}
    assert Counter(pair.chosen[1].content for pair in pairs) == Counter(pair.rejected[1].content for pair in pairs)


def test_the_papers_choice_is_seeded_and_spreads() -> None:
    drawn = [next(pairs_of(siblings(f"i{number}"), "paper", seed=0)) for number in range(300)]
    again = [next(pairs_of(siblings(f"i{number}"), "paper", seed=0)) for number in range(300)]
    assert drawn == again
    counts = Counter((pair.chosen_set, pair.rejected_set) for pair in drawn)
    assert len(counts) == 6
    assert min(counts.values()) > 25


def test_there_is_no_pair_of_equal_answers_and_none_of_one_row() -> None:
    (one, other) = siblings("a", 2)
    equal = other.model_copy(update={"output": f" {one.output}\n"})
    assert not list(pairs_of([one, equal], "contrast", seed=0))
    assert not list(pairs_of([one], "paper", seed=0))
    assert not list(pairs_of(siblings("a"), "none", seed=0))


def test_rows_of_one_instruction_stand_together() -> None:
    rows: list[GrownRecord] = [*siblings("a"), *siblings("b", 1)]
    assert [len(group) for group in sibling_groups(rows)] == [3, 1]
