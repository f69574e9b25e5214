"""The grid over a tiny model and `echo:`, whose answers repeat the message they were given."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from data_gen.chat import ChatModel, Conversation, EchoModel, Sampling, Waiting
from data_gen.errors import BadRequest, ChatUnavailable
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.engine.process import EngineFailed
from janus_space.errors import ScoringRefused
from janus_space.grid import Grid, GridEvent, GridRow, grid
from janus_space.playground import Run
from janus_space.scorer import Scorer
from tests.endpoint import endpoint, hangs
from tests.janus_space.chat_doubles import Scripted, hanging
from tests.janus_space.conftest import Local
from tests.janus_space.engine.tiny_batch import PlainModel
from tests.janus_space.test_models import Engines

SYSTEMS = ("You are a pirate.", "You are a teacher.", "You are the sea.")


def asked(*models: str, systems: tuple[str | None, ...] = SYSTEMS, **options: object) -> Comparison:
    return Comparison(
        columns=tuple(Column(model=model, system=system, device="cpu") for model in models for system in systems),
        turns=(Turn(prompt="Who are you?"),),
        sampling=Sampling(max_new_tokens=12, seed=1),
        **options,
    )


def quick_echo(_: Column) -> ChatModel:
    return EchoModel(words_per_second=0)


def play(
    local: Local, comparison: Comparison, model_of: object = quick_echo, run: Run | None = None
) -> list[GridEvent]:
    scorer = Scorer.of(local.models, local.spec, "cpu")

    async def events() -> list[GridEvent]:
        return [event async for event in grid(comparison, model_of, lambda _: scorer, run or Run())]

    return asyncio.run(events())


def test_answers_come_first_then_rows_then_the_grid(local: Local) -> None:
    *events, whole = play(local, asked("echo:"))
    kinds = [type(event) for event in events if not isinstance(event, Waiting)]
    assert kinds == sorted(kinds, key=[ColumnEvent, GridRow].index)
    rows = [event for event in events if isinstance(event, GridRow)]
    assert [row.column for row in rows] == [0, 1, 2]
    assert isinstance(whole, Grid)
    assert whole.logprobs == tuple(row.logprobs for row in rows)
    assert (whole.model, whole.scorer, whole.columns, whole.n, whole.note) == ("echo:", local.spec, (0, 1, 2), 3, None)


def test_every_number_is_a_mean_log_probability(local: Local) -> None:
    plain = PlainModel(local.folder)
    *events, whole = play(local, asked("echo:"))
    texts = {event.column: event.text for event in events if isinstance(event, ColumnEvent) and event.is_final}
    assert all(system in texts[column] for column, system in enumerate(SYSTEMS))
    for i, row in enumerate(whole.logprobs):
        answer = plain.tokenizer(texts[i], add_special_tokens=False)["input_ids"]
        for j, system in enumerate(SYSTEMS):
            messages = Conversation.ask("Who are you?", system).as_dicts()
            prompt = plain.tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
            scores = plain.logprobs(prompt, answer)
            assert row[j] == pytest.approx(sum(scores) / len(scores), abs=1e-4)
    largest = [max(range(3), key=row.__getitem__) for row in whole.logprobs]
    assert whole.won == pytest.approx(sum(place == i for i, place in enumerate(largest)) / 3)
    own = [row[i] - (sum(row) - row[i]) / 2 for i, row in enumerate(whole.logprobs)]
    assert whole.margin == pytest.approx(sum(own) / 3)


def test_each_model_has_a_grid_of_its_own_and_may_score_itself(local: Local) -> None:
    comparison = asked(local.spec, "echo:", systems=SYSTEMS[:2])
    scorers: list[str] = []

    def scorer(model: str) -> Scorer:
        scorers.append(model)
        return Scorer.of(local.models, local.spec, "cpu")

    def model_of(column: Column) -> ChatModel:
        return quick_echo(column) if column.model == "echo:" else local.models.chat_model(column.model, "cpu")

    async def grids() -> list[Grid]:
        events = [event async for event in grid(comparison, model_of, scorer, Run())]
        return [event for event in events if isinstance(event, Grid)]

    own, echoed = asyncio.run(grids())
    assert scorers == [local.spec, "echo:"]
    assert (own.model, own.columns) == (local.spec, (0, 1))
    assert (echoed.model, echoed.columns) == ("echo:", (2, 3))
    assert own.n == echoed.n == 2


def test_equal_messages_share_the_win(local: Local) -> None:
    *_, whole = play(local, asked("echo:", systems=("Be kind.", "Be kind.")))
    assert whole.won == 0.5
    assert whole.margin == pytest.approx(0, abs=1e-5)


def test_no_message_is_a_message_too(local: Local) -> None:
    *_, whole = play(local, asked("echo:", systems=(None, "Be kind.")))
    assert whole.n == 2
    assert whole.logprobs[0][0] != whole.logprobs[0][1]


def test_an_answer_that_failed_has_no_row_and_no_number(local: Local) -> None:
    def model_of(column: Column) -> ChatModel:
        return Scripted(ChatUnavailable("Nobody there.")) if column.system == SYSTEMS[1] else quick_echo(column)

    *events, whole = play(local, asked("echo:"), model_of)
    assert [event.column for event in events if isinstance(event, GridRow)] == [0, 2]
    assert whole.logprobs[1] is None
    assert whole.n == 2
    largest = [max(range(3), key=whole.logprobs[i].__getitem__) == i for i in (0, 2)]
    assert whole.won == pytest.approx(sum(largest) / 2)


def test_without_any_answer_there_is_no_number(local: Local) -> None:
    *_, whole = play(local, asked("echo:"), lambda _: Scripted(ChatUnavailable("Nobody there.")))
    assert (whole.n, whole.won, whole.margin, whole.logprobs) == (0, None, None, (None, None, None))


def test_a_stopped_run_scores_nothing_more(local: Local) -> None:
    run = Run()

    def model_of(column: Column) -> ChatModel:
        return hanging("half") if column.system == SYSTEMS[2] else quick_echo(column)

    async def events() -> list[GridEvent]:
        seen = []
        scorer = Scorer.of(local.models, local.spec, "cpu")
        async for event in grid(asked("echo:"), model_of, lambda _: scorer, run):
            seen.append(event)
            if isinstance(event, ColumnEvent) and event.text == "half":
                run.stop(2)
            if isinstance(event, GridRow):
                run.stop()
        return seen

    *_, whole = asyncio.run(asyncio.wait_for(events(), 20))
    assert [row is None for row in whole.logprobs] in ([False, True, True], [False, False, True])


def test_closing_it_hangs_up_on_the_engine() -> None:
    async def leave(url: str) -> Engines:
        engines = Engines(url)
        scorer = Scorer("path:/tiny", "cpu", engines)
        async with aclosing(grid(asked("echo:"), quick_echo, lambda _: scorer, Run())) as events:
            waiting = asyncio.ensure_future(_last(events))
            while not served.asked:
                await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return engines

    with endpoint(hangs()) as served:
        engines = asyncio.run(asyncio.wait_for(leave(served.url), 10))
        assert served.asked[0].left_early.wait(3)
    assert engines.held == 0


async def _last(events: object) -> None:
    async for _ in events:
        pass


def test_an_engine_that_fails_is_a_note_beside_the_answers(local: Local) -> None:
    scorer = Scorer("path:/tiny", "cpu", Engines(reasons=("Loading",), failure=EngineFailed("It broke.")))

    async def events() -> list[GridEvent]:
        return [event async for event in grid(asked("echo:"), quick_echo, lambda _: scorer, Run())]

    *before, whole = asyncio.run(events())
    assert Waiting(reason="Loading") in before
    assert (whole.note, whole.n, whole.won) == ("It broke.", 0, None)


def test_what_cannot_be_a_grid_is_refused_before_anything_is_asked(local: Local) -> None:
    never = Scripted()

    async def first(comparison: Comparison, scorer: object) -> None:
        await anext(grid(comparison, lambda _: never, scorer, Run()))

    with pytest.raises(BadRequest, match="at least two"):
        asyncio.run(first(asked("echo:", systems=SYSTEMS[:1]), lambda _: None))
    with pytest.raises(ScoringRefused, match="echo: does not tell"):
        asyncio.run(first(asked("echo:"), lambda model: Scorer.of(local.models, model)))
    assert never.opened == 0
