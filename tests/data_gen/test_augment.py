from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from data_gen.asking import Answer, Failure, Request
from data_gen.augment import Grown, Outcome, Plan, Tree, Unfinished, examples, grow_all
from data_gen.hierarchy import Hierarchy
from data_gen.instructions import Instruction, from_texts
from data_gen.preferences import DIMENSIONS, PreferenceSet
from data_gen.prompts import Prompts
from data_gen.records import Quarantined
from tests.teacher import answer, level

HIERARCHY = Hierarchy.load([Path(__file__).parents[2] / "assets" / "preferences.json"])


class InMemory:
    """Answers as the scripted teacher does, without HTTP; the order of answers is shuffled."""

    def __init__(self, shuffle_seed: int = 0, halt_after: int | None = None) -> None:
        self.asked: list[Request] = []
        self.in_flight = self.most_in_flight = 0
        self._rng = random.Random(shuffle_seed)
        self._halt_after = halt_after

    async def ask(self, request: Request) -> Answer | Failure:
        if self._halt_after is not None and len(self.asked) >= self._halt_after:
            return Failure("halted", "no money left")
        self.asked.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        for _ in range(self._rng.randrange(5)):
            await asyncio.sleep(0)
        self.in_flight -= 1
        body = self.body(request)
        if "REFUSED" in str(body) and level(body) == "rubric":
            return Failure("failed", "refused")
        return Answer(answer(body), "stop", 10, 20)

    @staticmethod
    def body(request: Request) -> dict[str, Any]:
        return {"messages": request.conversation.as_dicts()}

    def asked_at(self, wanted: str) -> list[Request]:
        return [request for request in self.asked if level(self.body(request)) == wanted]


def grow(asker: InMemory, texts: Sequence[str], width: int = 4, **plan: Any) -> dict[tuple[int, int], Outcome]:
    outcomes: dict[tuple[int, int], Outcome] = {}

    def deliver(place: int, index: int, outcome: Outcome) -> None:
        assert (place, index) not in outcomes
        outcomes[place, index] = outcome

    tree = Tree(asker, HIERARCHY, Prompts(), Plan(**plan), width, lambda _level, _answer: None)
    asyncio.run(grow_all(from_texts(texts), tree, deliver))
    return dict(sorted(outcomes.items()))


TEXTS = [f"What is behind door number {number}?" for number in range(8)]


def test_each_instruction_gets_its_sets_and_each_set_its_message_and_answer() -> None:
    asker = InMemory()
    outcomes = grow(asker, TEXTS, sets=2)
    assert list(outcomes) == [(place, index) for place in range(8) for index in range(2)]
    for (place, index), outcome in outcomes.items():
        assert isinstance(outcome, Grown)
        record = outcome.record
        assert (record.prompt, record.set_index, record.main_source) == (TEXTS[place], index, "paste")
        assert tuple(one.dimension for one in record.preference_set.root) == DIMENSIONS
        assert not outcome.rubrics
    assert Counter(level(asker.body(one)) for one in asker.asked) == dict.fromkeys(
        ("preference_set", "system_message", "response"), 16
    )


def test_the_order_in_which_answers_come_changes_nothing() -> None:
    first, second = InMemory(1), InMemory(2)
    assert grow(first, TEXTS, width=1) == grow(second, TEXTS, width=8)
    assert set(map(repr, first.asked)) == set(map(repr, second.asked))


def test_no_more_is_asked_at_once_than_allowed() -> None:
    asker = InMemory()
    grow(asker, TEXTS, width=3, rubrics=True)
    assert asker.most_in_flight == 3


def test_another_seed_asks_other_requests_and_the_same_seed_the_same() -> None:
    one, same, other = InMemory(), InMemory(), InMemory()
    grow(one, TEXTS, seed=5)
    grow(same, TEXTS, seed=5)
    grow(other, TEXTS, seed=6)
    assert set(map(repr, one.asked)) == set(map(repr, same.asked))
    assert not set(map(repr, one.asked)) & set(map(repr, other.asked))


def test_an_instruction_asks_the_same_wherever_it_stands() -> None:
    alone, among = InMemory(), InMemory()
    grow(alone, TEXTS[3:4])
    grow(among, TEXTS)
    assert set(map(repr, alone.asked)) <= set(map(repr, among.asked))


def test_a_system_message_is_written_from_descriptions_only() -> None:
    asker = InMemory()
    outcomes = grow(asker, TEXTS[:1])
    for outcome, request in zip(outcomes.values(), asker.asked_at("system_message"), strict=True):
        assert isinstance(outcome, Grown)
        asked = request.conversation.messages[0].content
        for one in outcome.record.preference_set.root:
            assert one.preference not in asked
        assert TEXTS[0] not in asked
    described = {one.description for outcome in outcomes.values() for one in outcome.record.preference_set.root}  # type: ignore[union-attr]
    told = "".join(request.conversation.messages[0].content for request in asker.asked_at("system_message"))
    assert all(one in told for one in described)


def test_later_sets_are_told_of_the_earlier_ones() -> None:
    asker = InMemory()
    outcomes = list(grow(asker, TEXTS[:1]).values())
    third = asker.asked_at("preference_set")[2].conversation.messages[0].content
    for outcome in outcomes[:2]:
        assert isinstance(outcome, Grown)
        assert all(one.subdimension in third for one in outcome.record.preference_set.root)


def test_structure_is_asked_for_by_schema_where_there_is_one() -> None:
    asker = InMemory()
    grow(asker, TEXTS[:1], rubrics=True)
    titles = {level(asker.body(one)): (one.answer_schema or {}).get("title") for one in asker.asked}
    assert titles == {"preference_set": "SetAnswer", "rubric": "Rubric", "system_message": None, "response": None}


def test_rubrics_are_one_a_preference() -> None:
    asker = InMemory()
    (outcome,) = grow(asker, TEXTS[:1], sets=1, rubrics=True).values()
    assert isinstance(outcome, Grown)
    assert len(outcome.rubrics) == 4
    asked = [one.conversation.messages[0].content for one in asker.asked_at("rubric")]
    for preference, request in zip(outcome.record.preference_set.root, asked, strict=True):
        assert preference.description in request


@pytest.mark.parametrize(
    ("fault", "stopped_at", "kind"),
    [("NO-JSON", "preference_set", "unusable"), ("EMPTY-ANSWER", "response", "unusable")],
)
def test_a_failed_node_fails_its_branches_only(fault: str, stopped_at: str, kind: str) -> None:
    outcomes = grow(InMemory(), [TEXTS[0], f"Tell me about {fault}.", TEXTS[1]])
    failed = [outcome for (place, _), outcome in outcomes.items() if place == 1]
    for outcome in failed:
        assert isinstance(outcome, Quarantined)
        assert (outcome.level, outcome.kind) == (stopped_at, kind)
    assert all(isinstance(outcome, Grown) for (place, _), outcome in outcomes.items() if place != 1)


def test_when_the_work_is_halted_the_rest_is_unfinished_not_quarantined() -> None:
    asker = InMemory(halt_after=20)
    outcomes = grow(asker, TEXTS).values()
    assert len(outcomes) == 24
    assert not [one for one in outcomes if isinstance(one, Quarantined)]
    assert {one.reason for one in outcomes if isinstance(one, Unfinished)} == {"no money left"}
    assert any(isinstance(one, Grown) for one in outcomes)


def test_instructions_are_read_only_as_far_as_needed() -> None:
    asker, read = InMemory(), 0
    finished = 0

    def many() -> Iterator[Instruction]:
        nonlocal read
        for one in from_texts(f"What is {number}?" for number in range(50)):
            read += 1
            assert read - finished <= 3
            yield one

    def deliver(place: int, index: int, outcome: Outcome) -> None:
        nonlocal finished
        finished += 1

    tree = Tree(asker, HIERARCHY, Prompts(), Plan(sets=1), 3, lambda _level, _answer: None)
    asyncio.run(grow_all(many(), tree, deliver))
    assert finished == 50


def test_examples_spread_over_what_siblings_have_not_taken() -> None:
    taken = PreferenceSet.model_validate(
        [
            {
                "dimension": branch.id,
                "subdimension": branch.subdimensions[0].id,
                "preference": "x",
                "description": "y",
            }
            for branch in HIERARCHY.dimensions
        ]
    )
    drawn: Counter[str] = Counter()
    for seed in range(200):
        lines = list(examples(HIERARCHY.dimensions, [taken], random.Random(seed)))
        assert len(lines) == 8
        drawn.update(line.split(", ")[1] for line in lines)
    free = {sub.id for branch in HIERARCHY.dimensions for sub in branch.subdimensions[1:]}
    assert drawn.keys() == free
    assert min(drawn.values()) > 60


def test_prompts_are_filled_completely() -> None:
    asker = InMemory()
    grow(asker, ["Is $100 {much}?"], rubrics=True)
    for request in asker.asked:
        assert "$" not in json.dumps(request.conversation.as_dicts()).replace("$100", "")
