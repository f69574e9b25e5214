from __future__ import annotations

from typing import Any

import pytest

from data_gen.errors import BadRequest
from data_gen.pairs import PreferencePair, pairs_from_votes


def vote(verdict: Any, *columns: tuple[str, str | None, str], **fields: Any) -> dict[str, Any]:
    shown = [{"model": model, "system": system, "answer": answer} for model, system, answer in columns]
    return {"id": "v1", "prompt": "Why?", "verdict": verdict, "columns": shown} | fields


def test_a_pair_has_the_papers_columns_and_tells_where_it_is_from() -> None:
    ((pair,), left_out) = pairs_from_votes([vote(1, ("m1", "Be kind.", "No."), ("m2", "Be kind.", "Because."))])
    assert pair.model_dump() == {
        "main_source": "janus-space-votes",
        "original_source": "janus-space",
        "system": "Be kind.",
        "prompt": "Why?",
        "chosen": ({"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}),
        "rejected": ({"role": "user", "content": "Why?"}, {"role": "assistant", "content": "No."}),
        "vote": "v1",
        "chosen_model": "m2",
        "rejected_model": "m1",
    }
    assert list(PreferencePair.model_fields)[:6] == [
        *("main_source", "original_source", "system", "prompt", "chosen", "rejected")
    ]
    assert not left_out


def test_the_winner_is_paired_with_each_answer_it_beat_and_losers_not_with_each_other() -> None:
    columns = [(f"m{number}", "s", f"answer {number}") for number in range(4)]
    pairs, _ = pairs_from_votes([vote(2, *columns)])
    assert [(pair.chosen_model, pair.rejected_model) for pair in pairs] == [("m2", "m0"), ("m2", "m1"), ("m2", "m3")]


def test_different_system_messages_give_no_pair_whichever_model_answered() -> None:
    reason = "different system messages: the vote is about the message, not about following it"
    same_model = vote(0, ("m", "Be kind.", "a"), ("m", "Be brief.", "b"))
    none_against_one = vote(0, ("m", None, "a"), ("n", "Be brief.", "b"))
    assert pairs_from_votes([same_model, none_against_one]) == ([], {reason: 2})
    mixed = vote(0, ("m1", "s", "a"), ("m2", "s", "b"), ("m1", "t", "c"))
    pairs, left_out = pairs_from_votes([mixed])
    assert [(pair.chosen_model, pair.rejected_model, pair.system) for pair in pairs] == [("m1", "m2", "s")]
    assert left_out == {reason: 1}


def test_no_system_message_on_both_sides_is_the_same() -> None:
    ((pair,), _) = pairs_from_votes([vote(0, ("m1", None, "a"), ("m2", None, "b"))])
    assert pair.system is None


def test_what_is_left_out_is_counted_by_reason() -> None:
    two = (("m1", "s", "a"), ("m2", "s", "b"))
    pairs, left_out = pairs_from_votes(
        [
            vote("tie", *two, ("m3", "s", "c")),
            vote("tie", *two),
            vote("both bad", *two),
            vote(0, *two, earlier=[{"prompt": "First?", "answers": ["x", "y"]}]),
            vote(0, ("m1", "s", "a"), ("m2", "s", " a\n")),
            vote(0, *two),
        ]
    )
    assert len(pairs) == 1
    assert left_out == {
        "tie: no answer was preferred": 2,
        "every answer was bad: none was preferred": 1,
        "several turns: each column had gone its own way before": 1,
        "equal answers: there is nothing to prefer": 1,
    }


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (vote(2, ("m1", "s", "a"), ("m2", "s", "b")), "Vote 2 says that column 2 won; it has 2 columns."),
        (vote(-1, ("m1", "s", "a"), ("m2", "s", "b")), "Vote 2 says that column -1 won"),
        (vote(0, ("m1", "s", "a")), "Vote 2 cannot be read: columns:"),
        ({"id": "x"}, "Vote 2 cannot be read: prompt: Field required."),
        (vote("none", ("m1", "s", "a"), ("m2", "s", "b")), "Vote 2 cannot be read: verdict"),
    ],
)
def test_a_record_that_is_no_vote_is_named(record: dict[str, Any], said: str) -> None:
    good = vote(0, ("m1", "s", "a"), ("m2", "s", "b"))
    with pytest.raises(BadRequest) as refusal:
        pairs_from_votes([good, record])
    assert str(refusal.value).startswith(said)


def test_an_empty_file_gives_nothing() -> None:
    assert pairs_from_votes([]) == ([], {})
