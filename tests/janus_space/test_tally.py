from __future__ import annotations

from janus_space.tally import NO_SYSTEM_MESSAGE, Tally, View
from janus_space.votes import Verdict, Vote
from tests.janus_space.sample_votes import make_vote

MESSAGES = View(entry="system message")


def duels(vote: Vote, view: View = View()) -> list[tuple[str, str, float]]:  # noqa: B008
    return sorted(pair[1:] for pair in Tally.of([vote], view).pairs)


def left_out(vote: Vote, view: View = View()) -> list[str]:  # noqa: B008
    tally = Tally.of([vote], view)
    assert not tally.pairs
    return list(tally.left_out)


def with_dimensions(verdict: Verdict, *dimensions: str) -> Vote:
    vote = make_vote("ab", verdict)
    columns = [
        column.model_copy(update={"preferences": {f"id-{index}": name for index, name in enumerate(names.split())}})
        for column, names in zip(vote.columns, dimensions, strict=True)
    ]
    return vote.model_copy(update={"columns": tuple(columns)})


def test_the_winner_beats_each_other_column() -> None:
    assert duels(make_vote("abcd", 2)) == [("c", "a", 1), ("c", "b", 1), ("c", "d", 1)]


def test_a_tie_is_half_a_win_between_all() -> None:
    halves = [(one, other, 0.5) for one in "abc" for other in "abc" if one != other]
    assert duels(make_vote("abc", "tie")) == halves


def test_both_bad_counts_beside_the_pairs() -> None:
    vote = make_vote("aab", "both bad")
    assert left_out(vote) == ["every answer was bad"]
    assert Tally.of([vote, vote], View()).both_bad == {"a": 2, "b": 2}


def test_models_are_told_apart_only_under_the_same_system_message() -> None:
    assert duels(make_vote("aabb", 0, ["x", "y", "x", "y"])) == [("a", "b", 1)]
    assert left_out(make_vote("ab", 0, ["x", None])) == ["no column differed from the winner's in the model alone"]
    assert left_out(make_vote("abc", 2, ["x", "x", None])) == [
        "no column differed from the winner's in the model alone"
    ]
    assert left_out(make_vote("aa", 0, ["x", "y"])) == ["no column differed from the winner's in the model alone"]
    assert left_out(make_vote("ab", "both bad", ["x", "y"])) == [
        "no column differed from the winner's in the model alone"
    ]


def test_system_messages_are_told_apart_only_by_the_same_model() -> None:
    vote = make_vote("aab", 1, ["x", None, "x"])
    assert duels(vote, MESSAGES) == [("", "x", 1)]
    assert Tally.of([vote], MESSAGES).names == {"": NO_SYSTEM_MESSAGE, "x": "x"}
    assert left_out(make_vote("ab", 0), MESSAGES) == [
        "no column differed from the winner's in the system message alone"
    ]


def test_a_model_never_meets_itself() -> None:
    assert duels(make_vote("aab", 0)) == [("a", "b", 1)]
    assert duels(make_vote("aab", 2)) == [("b", "a", 1), ("b", "a", 1)]


def test_names_in_view_do_not_count_unless_asked_for() -> None:
    vote = make_vote("ab", 0, was_blind=False)
    assert left_out(vote) == ["the models' names were in view"]
    assert duels(vote, View(only_blind=False)) == [("a", "b", 1)]


def test_mine_or_everyones() -> None:
    votes = [make_vote("ab", 0, voter="me"), make_vote("ab", 1, voter="you")]
    assert len(Tally.of(votes, View()).pairs) == 2
    assert [pair.winner for pair in Tally.of(votes, View(voter="me")).pairs] == ["a"]
    assert not Tally.of(votes, View(voter="nobody")).left_out


def test_a_dimension_counts_where_every_column_speaks_to_it() -> None:
    votes = [
        with_dimensions(0, "style", "style harmlessness"),
        with_dimensions(1, "style", "harmlessness"),
        with_dimensions(1, "", ""),
    ]
    assert [pair.vote for pair in Tally.of(votes, View(dimension="style")).pairs] == [0]
    assert not Tally.of(votes, View(dimension="harmlessness")).pairs
    assert len(Tally.of(votes, View()).pairs) == 3


def test_records_count_votes_and_pairs() -> None:
    tally = Tally.of([make_vote("abc", 0), make_vote("ab", "tie")], View())
    records = tally.records()
    assert (records["a"].votes, records["a"].played, records["a"].won) == ({0, 1}, 3, 2.5)
    assert (records["c"].votes, records["c"].played, records["c"].won) == ({0}, 1, 0)
    assert {(pair.winner, pair.loser) for pair in tally.among("ab").pairs} == {("a", "b"), ("b", "a")}
