from __future__ import annotations

import asyncio

import pytest

from data_gen.chat import ChatModel, EchoModel, Sampling
from data_gen.errors import BadRequest, ChatUnavailable
from janus_space.comparison import ColumnEvent, Comparison
from janus_space.errors import UnknownModel
from janus_space.verbs import VERBS, CompareRequest
from tests.janus_space.chat_doubles import Scripted

COMPARE = VERBS["compare"]


class StubModels:
    """Knows `echo:` and `broken:`, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.wanted: list[tuple[str, str]] = []

    def chat_model(self, spec: str, device: str = "auto") -> ChatModel:
        self.wanted.append((spec, device))
        if spec == "echo:":
            return EchoModel(words_per_second=0)
        if spec == "broken:":
            return Scripted(ChatUnavailable("Nobody answers there."))
        raise UnknownModel(f"No model goes by {spec}.")


def columns(model: list[str], system: list[str | None]) -> list[tuple[str, str | None]]:
    comparison = COMPARE.read(model=model, system=system, prompt="Why?").comparison()
    return [(column.model, column.system) for column in comparison.columns]


@pytest.mark.parametrize(
    ("model", "system", "expected"),
    [
        (["a"], ["x"], [("a", "x")]),
        (["a", "b"], ["x", None], [("a", "x"), ("b", None)]),
        (["a"], ["x", None, "z"], [("a", "x"), ("a", None), ("a", "z")]),
        (["a", "b"], [None], [("a", None), ("b", None)]),
        (["a", "a"], ["x", "x"], [("a", "x"), ("a", "x")]),
    ],
)
def test_models_and_systems_pair_up_or_spread(model, system, expected):
    assert columns(model, system) == expected


def test_what_does_not_pair_up_is_refused():
    with pytest.raises(BadRequest, match="3 models and 2 system messages do not pair up"):
        columns(["a", "b", "c"], ["x", "y"])


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"system": ["  "]}, "the system message is empty"),
        ({"system": []}, "system:"),
        ({"model": []}, "model:"),
        ({"model": [""]}, "model:"),
        ({"model": ["a"] * 17}, "model:"),
        ({"prompt": ""}, "prompt:"),
        ({"temperature": "hot"}, "temperature:"),
        ({"temperature": 3}, "temperature:"),
        ({"max_new_tokens": 0}, "max_new_tokens:"),
        ({"device": "toaster"}, "device:"),
        ({"tempreature": 1}, "tempreature:"),
        ({"history": [{"prompt": ""}]}, "history.0.prompt:"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(changes: dict[str, object], where: str):
    with pytest.raises(BadRequest, match=where) as refused:
        COMPARE.read(**{"model": ["a"], "system": ["x"], "prompt": "Why?"} | changes).comparison()
    assert "\n" not in str(refused.value)


def test_the_request_carries_sampling_device_and_history():
    comparison = COMPARE.read(
        model=["a"],
        system=["x"],
        prompt="two",
        seed="7",
        stop=["END"],
        device="cuda:1",
        history=[{"prompt": "one", "answers": ["1"]}],
    ).comparison()
    assert comparison.sampling == Sampling(seed=7, stop=("END",))
    assert comparison.columns[0].device == "cuda:1"
    assert [turn.prompt for turn in comparison.turns] == ["one", "two"]
    assert comparison.turns[0].answers == ("1",)


def test_rows_come_in_the_order_of_the_models():
    models = StubModels()
    request = COMPARE.read(model=["broken:", "echo:"], system=["Be kind."], prompt="Why?", device="cpu")
    seen: list[tuple[Comparison, ColumnEvent]] = []
    broken, echoed = asyncio.run(
        COMPARE.run(request, models, lambda comparison, event: seen.append((comparison, event)))
    )
    assert models.wanted == [("broken:", "cpu"), ("echo:", "cpu")]
    assert broken["error"] == "Nobody answers there."
    assert echoed["text"].startswith("I was told: Be kind. You asked (turn 1): Why?")
    assert "error" not in echoed
    assert {event.column for _, event in seen} == {0, 1}


def test_sixteen_columns_answer_at_once():
    request = COMPARE.read(model=["echo:"], system=[f"Be {number}." for number in range(16)], prompt="Why?")
    answered = asyncio.run(COMPARE.run(request, StubModels(), None))
    assert [row["system"] for row in answered] == [f"Be {number}." for number in range(16)]
    assert all(row["system"] in row["text"] for row in answered)


def test_a_model_that_does_not_exist_is_refused_before_anything_is_asked():
    request = COMPARE.read(model=["echo:", "nonsense:"], system=[None], prompt="Why?")
    with pytest.raises(UnknownModel):
        asyncio.run(COMPARE.run(request, StubModels(), None))


def test_every_field_explains_itself():
    for verb in VERBS.values():
        assert verb.name in VERBS
        for name, field in verb.request.model_fields.items():
            assert field.description, name


def test_a_request_holds_every_sampling_knob():
    assert Sampling.model_fields.keys() < CompareRequest.model_fields.keys()


def test_a_hosted_space_reads_no_file_for_a_visitor():
    models = StubModels()
    models.hosted = True
    request = VERBS["steer"].read(model=["embedded:smollm2"], data="/etc/hostname")
    with pytest.raises(BadRequest, match="no file of its disk is read"):
        asyncio.run(VERBS["steer"].run(request, models, None))


@pytest.mark.parametrize("changes", [{"data": ""}, {"model": []}, {"seed": -1}, {"limit": 0}, {"bogus": 1}])
def test_a_wrong_steer_request_is_refused(changes: dict[str, object]):
    with pytest.raises(BadRequest, match=next(iter(changes))):
        VERBS["steer"].read(**{"model": ["embedded:smollm2"], "data": "records.jsonl"} | changes)
