from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from data_gen.chat import Sampling
from janus_space.ballots import Ballot, Ballots, Identity
from janus_space.comparison import Column, Comparison, Turn
from janus_space.errors import VoteRefused
from janus_space.votes import VoteBox
from trainer.errors import StorageFailed

MODELS = ("echo:", "openai:secret-one", "hf:secret/two")
NAMES = ("Echo", "Secret One", "Secret Two")
ANSWERS = ("first shown", "second shown", "third shown")
COMPARISON = Comparison(
    columns=tuple(Column(model=model, system=f"You are {model}") for model in MODELS),
    turns=(Turn(prompt="Before?", answers=MODELS), Turn(prompt="Now?")),
    sampling=Sampling(seed=7),
)


@pytest.fixture
def box(tmp_path: Path) -> VoteBox:
    return VoteBox(tmp_path / "votes.jsonl")


@pytest.fixture
def ballots(box: VoteBox) -> Ballots:
    return Ballots(box)


def shuffled(seed: int | None = None, voter: str = "me") -> Ballot:
    return Ballot.shuffled(COMPARISON, voter, NAMES, [{"p": "style"}, {}, {}], seed=seed)


def test_the_order_is_random_and_every_order_is_as_likely() -> None:
    orders = Counter(shuffled(seed).order for seed in range(1200))
    assert len(orders) == 6
    assert min(orders.values()) > 150
    assert len({shuffled().order for _ in range(60)}) > 2
    assert shuffled(3).order == shuffled(3).order


def test_all_that_belongs_to_a_column_moves_with_it() -> None:
    ballot = next(ballot for seed in range(100) if (ballot := shuffled(seed)).order == (2, 0, 1))
    assert [column.model for column in ballot.shown.columns] == [MODELS[2], MODELS[0], MODELS[1]]
    assert ballot.shown.turns[0].answers == (MODELS[2], MODELS[0], MODELS[1])
    assert ballot.shown.turns[1].answers == ()
    assert ballot.shown.conversation(0).system == f"You are {MODELS[2]}"
    assert ballot.names == (NAMES[2], NAMES[0], NAMES[1])
    assert ballot.preferences == ({}, {"p": "style"}, {})
    assert ballot.identities()[1] == Identity(model="echo:", name="Echo", asked=0)


def test_answers_that_an_earlier_turn_lacks_stay_missing() -> None:
    comparison = COMPARISON.model_copy(
        update={"turns": (Turn(prompt="Before?", answers=("only",)), Turn(prompt="Now?"))}
    )
    ballot = next(b for seed in range(100) if (b := Ballot.shuffled(comparison, "me", seed=seed)).order == (1, 2, 0))
    assert ballot.shown.turns[0].answers == (None, None, "only")
    assert ballot.names == (MODELS[1], MODELS[2], MODELS[0])


def test_a_ballot_tells_nothing_by_being_printed_or_logged() -> None:
    ballot = shuffled()
    said = f"{ballot!r} {ballot} {ballot.id}"
    assert not [secret for secret in (*MODELS, *NAMES) if secret in said]
    assert len({shuffled().id for _ in range(100)}) == 100
    assert len(ballot.id) == 32


def test_the_vote_reveals_and_keeps_what_was_shown(ballots: Ballots, box: VoteBox) -> None:
    ballot = ballots.issue(shuffled())
    with pytest.raises(VoteRefused, match="after the vote") as refusal:
        ballots.reveal(ballot.id, "me")
    assert not [secret for secret in (*MODELS, *NAMES) if secret in str(refusal.value)]
    vote = ballots.vote(ballot.id, "me", 1, ANSWERS)
    assert list(box) == [vote]
    assert ballots.reveal(ballot.id, "me") == ballot.identities()
    assert [(column.model, column.name) for column in vote.columns] == [id_[:2] for id_ in ballot.identities()]
    assert [column.answer for column in vote.columns] == list(ANSWERS)
    assert (vote.comparison, vote.voter, vote.verdict, vote.was_blind) == (ballot.id, "me", 1, True)
    assert (vote.prompt, vote.sampling) == ("Now?", Sampling(seed=7))
    assert vote.earlier == ballot.shown.turns[:1]
    assert {"p": "style"} in [column.preferences for column in vote.columns]


def test_after_the_vote_the_ballot_is_locked(ballots: Ballots, box: VoteBox) -> None:
    ballot = ballots.issue(shuffled())
    ballots.vote(ballot.id, "me", "tie", ANSWERS)
    with pytest.raises(VoteRefused, match="its vote already"):
        ballots.vote(ballot.id, "me", 0, ANSWERS)
    assert [vote.verdict for vote in box] == ["tie"]


def test_two_clicks_at_once_are_one_vote(ballots: Ballots, box: VoteBox) -> None:
    ballot, outcomes = ballots.issue(shuffled()), []

    def click(verdict: int) -> None:
        try:
            outcomes.append(ballots.vote(ballot.id, "me", verdict, ANSWERS).verdict)
        except VoteRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=click, args=(number % 3,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 8
    assert [vote.verdict for vote in box] == [outcome for outcome in outcomes if outcome != "refused"]


@pytest.mark.parametrize(
    "answers",
    [ANSWERS[:2], (*ANSWERS, "fourth"), ("one", None, "three"), ("one", "  \n", "three"), ()],
    ids=["too few", "too many", "failed", "blank", "none"],
)
def test_a_column_without_an_answer_is_not_judged(
    ballots: Ballots, box: VoteBox, answers: tuple[str | None, ...]
) -> None:
    ballot = ballots.issue(shuffled())
    with pytest.raises(VoteRefused, match="no answer"):
        ballots.vote(ballot.id, "me", 0, answers)
    assert not list(box)
    ballots.vote(ballot.id, "me", 0, ANSWERS)


@pytest.mark.parametrize("verdict", [3, -1, "A", True, None])
def test_an_impossible_verdict_is_refused_in_a_sentence(ballots: Ballots, verdict: object) -> None:
    ballot = ballots.issue(shuffled())
    with pytest.raises(VoteRefused, match="no verdict") as refusal:
        ballots.vote(ballot.id, "me", verdict, ANSWERS)  # type: ignore[arg-type]
    assert not [secret for secret in (*MODELS, *NAMES) if secret in str(refusal.value)]


def test_one_column_cannot_be_voted_on(ballots: Ballots) -> None:
    alone = COMPARISON.model_copy(update={"columns": COMPARISON.columns[:1], "turns": COMPARISON.turns[1:]})
    ballot = ballots.issue(Ballot.in_the_open(alone, "me"))
    with pytest.raises(VoteRefused, match="at least two"):
        ballots.vote(ballot.id, "me", 0, ["answer"])


def every_use(ballots: Ballots, ballot_id: str, voter: str) -> list[Callable[[], object]]:
    return [
        lambda: ballots.vote(ballot_id, voter, 0, ANSWERS),
        lambda: ballots.reveal(ballot_id, voter),
        lambda: ballots.follow_up(ballot_id, voter, COMPARISON),
    ]


def assert_gone(ballots: Ballots, ballot_id: str, voter: str = "me") -> None:
    for use in every_use(ballots, ballot_id, voter):
        with pytest.raises(VoteRefused, match="cannot be voted on any more"):
            use()


def test_another_voter_and_a_made_up_id_find_nothing(ballots: Ballots) -> None:
    ballot = ballots.issue(shuffled())
    assert_gone(ballots, ballot.id, "somebody else")
    assert_gone(ballots, ballot.id, "ü")
    assert_gone(ballots, "0" * 32)
    ballots.vote(ballot.id, "me", 0, ANSWERS)
    assert_gone(ballots, ballot.id, "somebody else")


def test_ballots_are_forgotten_when_they_are_old(box: VoteBox) -> None:
    now = [0.0]
    ballots = Ballots(box, lifetime_seconds=10, clock=lambda: now[0])
    old = ballots.issue(shuffled())
    now[0] = 6
    young = ballots.issue(shuffled())
    now[0] = 10
    assert_gone(ballots, old.id)
    ballots.vote(young.id, "me", 0, ANSWERS)
    now[0] = 17
    assert_gone(ballots, young.id)


def test_the_oldest_ballots_are_forgotten_when_there_are_too_many(box: VoteBox) -> None:
    ballots = Ballots(box, capacity=3)
    issued = [ballots.issue(shuffled()) for _ in range(5)]
    assert_gone(ballots, issued[1].id)
    ballots.vote(issued[2].id, "me", 0, ANSWERS)


def test_a_vote_that_the_disk_refused_may_be_cast_again(tmp_path: Path) -> None:
    (home := tmp_path / "home").touch()
    ballots = Ballots(VoteBox(home / "votes.jsonl"))
    ballot = ballots.issue(shuffled())
    with pytest.raises(StorageFailed):
        ballots.vote(ballot.id, "me", 0, ANSWERS)
    with pytest.raises(VoteRefused, match="after the vote"):
        ballots.reveal(ballot.id, "me")
    home.unlink()
    ballots.vote(ballot.id, "me", 0, ANSWERS)


def test_an_open_ballot_keeps_the_order_and_says_that_it_was_open(ballots: Ballots) -> None:
    ballot = ballots.issue(Ballot.in_the_open(COMPARISON, "me"))
    assert ballot.shown == COMPARISON
    assert [identity.name for identity in ballots.reveal(ballot.id, "me")] == list(MODELS)
    assert ballots.vote(ballot.id, "me", "both bad", ANSWERS).was_blind is False


@pytest.mark.parametrize("is_voted", [False, True])
def test_the_next_turn_keeps_the_places_and_is_blind_until_a_vote(ballots: Ballots, is_voted: bool) -> None:
    first = ballots.issue(shuffled())
    if is_voted:
        ballots.vote(first.id, "me", 0, ANSWERS)
    turns = (*first.shown.turns[:-1], Turn(prompt="Now?", answers=ANSWERS), Turn(prompt="And then?"))
    second = ballots.follow_up(first.id, "me", first.shown.model_copy(update={"turns": turns}))
    assert (second.order, second.names, second.preferences) == (first.order, first.names, first.preferences)
    assert second.id != first.id
    assert_gone(ballots, first.id)
    vote = ballots.vote(second.id, "me", 1, ANSWERS)
    assert (vote.was_blind, vote.prompt, len(vote.earlier)) == (not is_voted, "And then?", 2)


def test_the_next_turn_cannot_swap_the_columns(ballots: Ballots) -> None:
    ballot = ballots.issue(Ballot.in_the_open(COMPARISON, "me"))
    other = COMPARISON.model_copy(update={"columns": COMPARISON.columns[::-1]})
    with pytest.raises(VoteRefused, match="start a new comparison"):
        ballots.follow_up(ballot.id, "me", other)
    ballots.vote(ballot.id, "me", 0, ANSWERS)
