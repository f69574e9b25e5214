"""Influence against plain forward passes, on a tiny model always and on the embedded one where it is there."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import pytest

from data_gen.chat import Completion, Conversation, Sampling
from janus_space.engine.process import EnginePool
from janus_space.errors import ScoringRefused
from janus_space.explain import Influence, influence, summed_up
from janus_space.home import Home
from janus_space.message_parts import Part, by_sentence
from janus_space.models import Models
from janus_space.scorer import Scorer
from tests.endpoint import endpoint, hangs
from tests.janus_space.conftest import Local
from tests.janus_space.engine.tiny_batch import PlainModel

SYSTEM = "You are a pirate. Answer briefly. End with a question."
ASK = Conversation.ask("What is the sea?", SYSTEM)
ANSWER = "Aye, the sea is wide.\n\nAnd why is it blue?"


def explain(local: Local, conversation: Conversation = ASK, answer: str = ANSWER, parts: object = None) -> Influence:
    return asyncio.run(influence(Scorer.of(local.models, local.spec, "cpu"), conversation, answer, parts))


def plain_difference(plain: PlainModel, conversation: Conversation, without: str, answer: str = ANSWER) -> list[float]:
    """Say how much likelier each token is under SYSTEM than under another message, by one forward pass each."""
    tokens = plain.tokenizer(answer, add_special_tokens=False)["input_ids"]
    turns = conversation.as_dicts()[1:]
    one, other = (
        plain.logprobs(
            plain.tokenizer.apply_chat_template(
                [{"role": "system", "content": system}, *turns], add_generation_prompt=True
            )["input_ids"],
            tokens,
        )
        for system in (SYSTEM, without)
    )
    return [yes - no for yes, no in zip(one, other, strict=True)]


@pytest.mark.parametrize("conversation", [ASK, ASK.then("It is water.", "And what else?")], ids=["one turn", "two"])
def test_influence_equals_plain_forward_passes(local: Local, conversation: Conversation) -> None:
    told, plain = explain(local, conversation), PlainModel(local.folder)
    assert "".join(told.tokens) == ANSWER
    # The template has a default message of its own: against that one, or none, the numbers would be others.
    assert told.influence == pytest.approx(plain_difference(plain, conversation, ""), abs=1e-4)
    assert told.total == pytest.approx(sum(told.influence))
    assert told.mean == pytest.approx(told.total / len(told.tokens))
    assert [one.part.text for one in told.parts] == [part.text for part in by_sentence(SYSTEM)]
    for one in told.parts:
        expected = plain_difference(plain, conversation, one.part.without)
        assert one.influence == pytest.approx(expected, abs=1e-4)
        assert one.total == pytest.approx(sum(expected), abs=1e-3)


def test_the_only_part_of_a_message_has_all_of_its_influence(local: Local) -> None:
    told = explain(local, Conversation.ask("What is the sea?", "You are a pirate."))
    assert told.parts[0].influence == told.influence


def test_parts_may_be_given(local: Local) -> None:
    parts = [Part("pirate", "a pirate", "You are kind. Answer briefly."), Part("same", "nothing", SYSTEM)]
    pirate, same = explain(local, parts=parts).parts
    assert (pirate.part.name, same.part.name) == ("pirate", "same")
    assert set(same.influence) == {0.0}
    assert same.is_ignored


@pytest.mark.parametrize("system", [None, "", "  "])
def test_without_a_system_message_there_is_nothing_to_explain(local: Local, system: str | None) -> None:
    with pytest.raises(ScoringRefused, match="No system message was sent"):
        explain(local, Conversation.ask("Why?", system))


def test_an_empty_answer_is_refused(local: Local) -> None:
    with pytest.raises(ScoringRefused, match="no words to explain"):
        explain(local, answer=" \n")


def test_everything_is_asked_in_one_request_and_leaving_hangs_up() -> None:
    from tests.janus_space.test_models import Engines

    async def leave(url: str) -> Engines:
        engines = Engines(url)
        asked = asyncio.create_task(influence(Scorer("path:/tiny", "cpu", engines), ASK, ANSWER))
        await asyncio.sleep(0.3)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        return engines

    with endpoint(hangs()) as served:
        engines = asyncio.run(asyncio.wait_for(leave(served.url), 5))
        assert served.asked[0].left_early.wait(3)
    (asked,) = served.asked
    systems = [item["messages"][0]["content"] for item in asked.body["items"]]
    assert systems == [SYSTEM, "", *(part.without for part in by_sentence(SYSTEM))]
    assert engines.held == 0


PIRATE, BRIEF = Part("pirate", "You are a pirate.", ""), Part("brief", "Be brief.", "")
TOKENS = ("Aye", ",", " mat", "ey", ".", " The", " sea", ".")


def test_a_phrase_is_laid_to_the_part_that_moved_it_most() -> None:
    influence = (3.0, 0.0, 2.0, 2.0, 0.0, 0.0, 2.0, 0.0)
    pirate, brief = (2.0, 0.0, 1.5, 0.0, 0.0, 0.0, 0.1, 0.0), (0.1, 0.0, 1.0, 0.0, 0.0, 0.0, 0.2, 0.0)
    told = summed_up(TOKENS, influence, [(BRIEF, brief), (PIRATE, pirate)])
    assert [(phrase.text, phrase.part) for phrase in told.phrases] == [("Aye, matey.", "pirate"), ("sea.", None)]
    assert told.phrases[0].influence == pytest.approx(7.0)
    assert "".join(told.tokens[told.phrases[0].start : told.phrases[0].end]) == "Aye, matey."


@pytest.mark.parametrize(
    ("moved", "is_ignored"),
    [
        ((0.0,) * 8, True),
        ((0.1,) * 8, True),
        ((0.15,) * 8, False),  # every token a little: 1.2 nats in all
        ((0.0, 0.0, 1.3, 0.0, 0.0, -3.0, 0.0, 0.0), False),  # one word a lot, though others got unlikelier
        ((-1.0,) * 8, True),
    ],
)
def test_a_part_is_ignored_if_it_moved_neither_the_whole_nor_a_phrase(
    moved: tuple[float, ...], is_ignored: bool
) -> None:
    (one,) = summed_up(TOKENS, (0.0,) * 8, [(BRIEF, moved)]).parts
    assert one.is_ignored is is_ignored


def test_a_line_break_that_was_moved_can_be_seen() -> None:
    (phrase,) = summed_up(("Aye", "\n\n", "sea"), (0.0, 3.0, 0.0), []).phrases
    assert phrase.text == "↵"


@pytest.mark.proof
@pytest.mark.real_model
@pytest.mark.timeout(600)
def test_the_embedded_model_explained_equals_plain_transformers_and_takes_less_time_than_answering(
    embedded_models_dir: Path, janus_home: Path
) -> None:
    from trainer.embedded import prepare

    janus_home.mkdir()
    (janus_home / "models").symlink_to(embedded_models_dir)
    home = Home.at(janus_home)
    pool = EnginePool(home)
    models = Models(home, pool)
    scorer = Scorer.of(models, "embedded:smollm2", "cpu")
    question = Conversation.ask("What is the sea? Tell me a long story.", SYSTEM)

    async def answered(seed: int) -> tuple[Completion, float]:
        start = time.perf_counter()
        stream = models.chat_model("embedded:smollm2", "cpu").stream(question, Sampling(seed=seed, max_new_tokens=128))
        return [event async for event in stream][-1], time.perf_counter() - start

    async def measure() -> tuple[list[float], list[float], str, Influence]:
        await answered(0)  # the first one waits for the engine
        answering, explaining = [], []
        for seed in range(3):
            completion, seconds = await answered(seed)
            assert completion.tokens
            answering.append(seconds / completion.tokens)
            start = time.perf_counter()
            told = await influence(scorer, question, completion.text, parts=[])
            explaining.append((time.perf_counter() - start) / len(told.tokens))
        return answering, explaining, completion.text, await influence(scorer, question, completion.text)

    answering, explaining, text, told = asyncio.run(measure())
    pool.close()
    assert statistics.median(explaining) < statistics.median(answering)
    plain = PlainModel(prepare("smollm2", embedded_models_dir, say=lambda _: None))
    assert told.influence == pytest.approx(plain_difference(plain, question, "", text), abs=1e-4)
    for one in told.parts:
        assert one.influence == pytest.approx(plain_difference(plain, question, one.part.without, text), abs=1e-4)
