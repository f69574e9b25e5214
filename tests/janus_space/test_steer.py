"""Figures of a tiny model against the same ones made from plain forward passes."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from data_gen.chat import Conversation
from janus_space.engine.process import EngineFailed
from janus_space.scorer import Scorer
from janus_space.steer import Steered, SteerEvent, Steering, row, steer
from janus_space.steer_data import SteerData
from janus_space.steer_table import reading, table
from tests.janus_space.conftest import Local
from tests.janus_space.engine.tiny_batch import PlainModel
from tests.janus_space.test_models import Engines
from tests.trainer.test_steerability import simulated
from trainer.steerability import Example, steerability

KEYS = [
    *("model", "n", "instructions", "margin", "margin_ci", "attribution_accuracy", "selection_accuracy"),
    *("own_logprob", "empty_logprob", "shuffled_margin", "shuffled_margin_ci"),
]
PIRATE, TEACHER, SEA = "You are a pirate.", "You are a teacher.", "You are the sea."
DATA = SteerData(
    [
        [Example(PIRATE, "Who?", "Aye, a pirate."), Example(TEACHER, "Who?", "A teacher, children.")],
        [Example(one, "Why is it so?", f"Because {one} says so.", "why") for one in (PIRATE, TEACHER, SEA)],
    ],
    left_out=2,
)


def measure(*scorers: Scorer, data: SteerData = DATA) -> tuple[list[Steered], list[SteerEvent]]:
    events: list[SteerEvent] = []
    return asyncio.run(steer(scorers, data, 0, events.append)), events


def test_the_figures_are_those_of_plain_forward_passes(local: Local) -> None:
    plain = PlainModel(local.folder)

    def mean(system: str, example: Example) -> float:
        messages = Conversation.ask(example.prompt, system).as_dicts()
        prompt = plain.tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
        answer = plain.tokenizer(example.output, add_special_tokens=False)["input_ids"]
        return float(np.mean(plain.logprobs(prompt, answer)))

    margins, own, empty = [], [], []
    for group in DATA.instructions:
        for i, example in enumerate(group):
            scores = [mean(other.system, example) for other in group]
            margins.append(scores[i] - np.mean(scores[:i] + scores[i + 1 :]))
            own.append(scores[i])
            empty.append(mean("", example))
    (measured,), events = measure(Scorer.of(local.models, local.spec, "cpu"))
    told = measured.told
    assert told is not None
    assert (told.n, told.instructions, told.left_out) == (5, 2, 2)
    assert told.margin.mean == pytest.approx(np.mean(margins), abs=1e-4)
    assert told.own.mean == pytest.approx(np.mean(own), abs=1e-4)
    assert told.empty.mean == pytest.approx(np.mean(empty), abs=1e-4)
    done = [event.done for event in events if isinstance(event, Steering) and event.note is None]
    assert done == [1, 2]
    assert events[-1] == measured


def test_a_row_has_the_keys_that_scripts_rely_on(local: Local) -> None:
    (measured,), _ = measure(Scorer.of(local.models, local.spec, "cpu"))
    told, given = measured.told, row(measured)
    assert list(given) == KEYS
    assert given["margin"] == told.margin.mean
    assert given["margin_ci"] == [told.margin.low, told.margin.high]
    assert given["shuffled_margin_ci"] == [told.shuffled.low, told.shuffled.high]
    assert given["attribution_accuracy"] == told.attribution.mean


def test_a_model_that_fails_leaves_the_others_alone(local: Local) -> None:
    broken = Scorer("path:/broken", "cpu", Engines(reasons=("Loading",), failure=EngineFailed("It broke.")))
    (first, second), events = measure(broken, Scorer.of(local.models, local.spec, "cpu"))
    assert row(first) == {"model": "path:/broken", **dict.fromkeys(KEYS[1:]), "error": "It broke."}
    assert second.told is not None
    assert events[:2] == [Steering("path:/broken", 0, 2, "Loading"), first]


def test_a_record_that_is_too_long_is_named(local: Local) -> None:
    long = Example(SEA, "Why is it so?", "long " * 3000, "why")
    data = SteerData([DATA.instructions[0], [*DATA.instructions[1], long]], 0)
    (measured,), _ = measure(Scorer.of(local.models, local.spec, "cpu"), data=data)
    assert measured.error is not None
    assert measured.error.startswith("instruction 'why': The conversation has ")


def test_the_sentence_says_what_the_figures_mean() -> None:
    def said(effect: float) -> str:
        return reading(Steered("m:", steerability(simulated(effect))))

    assert said(0.06).startswith("m: follows its system messages: the right one makes each token of an answer ")
    assert said(0.06).endswith("% likelier (132 answers to 44 instructions).")
    assert said(0.0).startswith("m: cannot be told from a model that ignores its system messages")
    assert "see how the records are paired" in said(-0.06)
    assert reading(Steered("m:", None, "It broke.")) == "m: could not be measured: It broke."


def test_the_table_has_every_figure_with_its_interval() -> None:
    told = steerability(simulated(0.06))
    heading, *lines = table(told).splitlines()
    assert "95% interval" in heading
    assert [line.split()[0] for line in lines] == ["margin", "shuffled", "attributed", "selected", "own", "empty"]
    assert f"{told.margin.mean:.3f} [{told.margin.low:.3f}, {told.margin.high:.3f}]" in lines[0]
    assert f"{told.attribution.mean:.0%} [" in lines[2]
    assert "chance is 33%" in lines[2]
    assert all("[" in line and "]" in line and len(line) <= 120 for line in lines)
