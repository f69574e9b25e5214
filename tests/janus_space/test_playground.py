from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import pairwise

import pytest

from data_gen.chat import ChatModel, Completion, Delta, EchoModel, Waiting
from data_gen.errors import ChatUnavailable
from data_gen.openai_chat import OpenAIChat
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.errors import SpaceError
from janus_space.playground import Run, Runs, collect, compare, paced
from tests.endpoint import endpoint, hangs, says
from tests.janus_space.chat_doubles import Scripted, answering, hanging, one_column_each
from trainer.errors import ModelNotFound


def finals(models: list[ChatModel], run: Run | None = None, columns: list[int] | None = None) -> list[ColumnEvent]:
    comparison, model_of = one_column_each(models)
    return asyncio.run(collect(compare(comparison, model_of.__getitem__, run or Run(), columns)))


def test_every_column_has_text_before_any_finishes():
    comparison = Comparison(
        columns=tuple(Column(model="echo:", system=f"Be {index}.") for index in range(16)),
        turns=(Turn(prompt="Hello?"),),
    )

    async def states() -> list[ColumnEvent]:
        return [event async for event in compare(comparison, lambda _: EchoModel(words_per_second=200), Run())]

    events = asyncio.run(states())
    first_end = next(place for place, event in enumerate(events) if event.is_final)
    assert {event.column for event in events[:first_end] if event.text} == set(range(16))
    ends = [event for event in events if event.is_final]
    assert sorted(event.column for event in ends) == list(range(16))
    for event in ends:
        assert event.state == "done"
        assert f"Be {event.column}." in event.text
        assert event.completion is not None
        assert event.completion.text == event.text


def test_each_event_carries_all_text_so_far():
    comparison, model_of = one_column_each([answering("a", "b", "c")])

    async def texts() -> list[str]:
        return [event.text async for event in compare(comparison, model_of.__getitem__, Run())]

    assert asyncio.run(texts()) == ["a", "ab", "abc", "abc"]


def test_waiting_says_why_and_keeps_the_text():
    comparison, model_of = one_column_each(
        [Scripted(Waiting(reason="starting the model"), Delta(text="a"), Completion(text="a", finish_reason="length"))]
    )

    async def events() -> list[ColumnEvent]:
        return [event async for event in compare(comparison, model_of.__getitem__, Run())]

    first, *_, last = asyncio.run(events())
    assert (first.state, first.note) == ("waiting", "starting the model")
    assert last.state == "done"
    assert last.completion.finish_reason == "length"


def test_stopping_one_column_closes_its_stream_and_leaves_the_others():
    slow, other = hanging("half", " an"), answering("whole", " answer", pause=0.1)
    comparison, model_of = one_column_each([slow, other])

    async def main() -> list[ColumnEvent]:
        run = Run()

        def stop_at_text(event: ColumnEvent) -> None:
            if event.column == 0 and event.text == "half an":
                threading.Thread(target=run.stop, args=(0,)).start()

        return await asyncio.wait_for(collect(compare(comparison, model_of.__getitem__, run), stop_at_text), 5)

    stopped, done = asyncio.run(main())
    assert (stopped.state, stopped.text, stopped.completion) == ("stopped", "half an", None)
    assert (done.state, done.text) == ("done", "whole answer")
    assert (slow.closed, other.closed) == (1, 1)


def test_stopping_closes_the_stream_at_once():
    slow = hanging("half")
    comparison, model_of = one_column_each([slow])

    async def main() -> float:
        run = Run()
        async with aclosing(compare(comparison, model_of.__getitem__, run)) as events:
            await anext(events)
            start = time.perf_counter()
            run.stop()
            run.stop()
            assert (await anext(events)).state == "stopped"
            return time.perf_counter() - start

    assert asyncio.run(main()) < 0.5
    assert slow.closed == 1


@pytest.mark.parametrize(
    "reply", [says("word " * 1_000, words_per_second=20), hangs()], ids=["in mid-answer", "in silence"]
)
def test_stopping_hangs_up_on_the_endpoint(reply):
    with endpoint(reply) as served:
        model = OpenAIChat("openai:m", "m", served.url, "key")
        comparison, model_of = one_column_each([model, answering("whole", pause=0.5)])

        async def main() -> list[ColumnEvent]:
            run = Run()
            asked = asyncio.create_task(collect(compare(comparison, model_of.__getitem__, run)))
            while not served.asked:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)
            run.stop(0)
            return await asyncio.wait_for(asked, 5)

        stopped, done = asyncio.run(main())
        assert served.asked[0].left_early.wait(3)
    assert (stopped.state, done.state) == ("stopped", "done")


def test_stop_all_reaches_every_column():
    models = [hanging(f"{index}") for index in range(4)]
    comparison, model_of = one_column_each(list(models))

    async def main() -> list[ColumnEvent]:
        run = Run()
        asyncio.get_running_loop().call_later(0.1, run.stop)
        return await asyncio.wait_for(collect(compare(comparison, model_of.__getitem__, run)), 5)

    events = asyncio.run(main())
    assert [(event.state, event.text) for event in events] == [("stopped", f"{index}") for index in range(4)]
    assert [model.closed for model in models] == [1] * 4


def test_a_column_stopped_before_the_start_is_never_asked():
    never, other = answering("never"), answering("said")
    run = Run()
    run.stop(0)
    assert [event.state for event in finals([never, other], run)] == ["stopped", "done"]
    assert never.opened == 0


def test_a_stop_while_a_finished_stream_closes_adds_no_second_final_event():
    finished = Scripted(Completion(text="a", finish_reason="stop"), closing_seconds=0.3)
    comparison, model_of = one_column_each([finished, answering("b", pause=0.2)])

    async def main() -> list[ColumnEvent]:
        run = Run()
        events: list[ColumnEvent] = []
        async for event in compare(comparison, model_of.__getitem__, run):
            events.append(event)
            if event.is_final:
                run.stop(event.column)
        return events

    assert [(event.column, event.state) for event in asyncio.run(main()) if event.is_final] == [
        (0, "done"),
        (1, "done"),
    ]


def test_a_stop_just_before_the_waker_is_set_still_wakes():
    run = Run()
    run.stop(1)
    woken = []
    with run.waking(0, lambda: woken.append(0)), run.waking(1, lambda: woken.append(1)):
        assert woken == [1]
        run.stop()
        assert woken == [1, 0]


def test_a_model_that_says_it_was_stopped_keeps_its_figures():
    [event] = finals([Scripted(Completion(text="half", finish_reason="stopped", tokens=1))])
    assert event.state == "stopped"
    assert event.completion.tokens == 1


@pytest.mark.parametrize("error", [ChatUnavailable("Nobody answers there."), ModelNotFound("No such model.")])
def test_a_failing_column_says_why_and_leaves_the_others(error: Exception):
    failed, done = finals([Scripted(Delta(text="half"), error), answering("whole", pause=0.1)])
    assert (failed.state, failed.note, failed.text) == ("failed", str(error), "half")
    assert (done.state, done.text) == ("done", "whole")


def test_a_model_that_cannot_be_made_fails_its_column_only():
    comparison, model_of = one_column_each([answering("never"), answering("said")])

    def chat_model(column: Column) -> ChatModel:
        if column.model == "double:0":
            raise SpaceError("No model goes by that name.")
        return model_of[column]

    failed, done = asyncio.run(collect(compare(comparison, chat_model, Run())))
    assert (failed.state, failed.note) == ("failed", "No model goes by that name.")
    assert done.state == "done"


@pytest.mark.parametrize("bug", [ZeroDivisionError("secret detail"), asyncio.CancelledError()])
def test_a_bug_gets_an_error_id_and_a_traceback_in_the_log(bug: BaseException, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        failed, done = finals([Scripted(bug), answering("whole", pause=0.1)])
    assert failed.state == "failed"
    assert "secret detail" not in failed.note
    error_id = failed.note.rstrip(".").split()[-1]
    assert error_id in caplog.text
    assert "Traceback" in caplog.text
    assert done.state == "done"


def test_a_stream_without_an_end_is_a_failure():
    [event] = finals([Scripted(Delta(text="half"))])
    assert event.state == "failed"
    assert "ended before" in event.note


def test_only_the_columns_asked_for_are_asked():
    models = [answering("a"), answering("b"), answering("c")]
    events = finals(list(models), columns=[2, 0])
    assert [event.column for event in events] == [0, 2]
    assert [model.opened for model in models] == [1, 0, 1]
    assert finals([answering("a")], columns=[]) == []


def test_later_turns_carry_each_columns_own_answers():
    model = answering("c")
    column = Column(model="double:", system="Be kind.")
    comparison = Comparison(columns=(column,), turns=(Turn(prompt="one", answers=("a",)), Turn(prompt="two")))
    asyncio.run(collect(compare(comparison, lambda _: model, Run())))
    assert [message.content for message in model.asked[0].messages] == ["Be kind.", "one", "a", "two"]


def test_closing_the_generator_closes_every_stream():
    models = [hanging("a"), hanging("b"), hanging("c")]
    comparison, model_of = one_column_each(list(models))

    async def main() -> int:
        events = compare(comparison, model_of.__getitem__, Run())
        for _ in models:
            await anext(events)
        await events.aclose()
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    assert [model.closed for model in models] == [1, 1, 1]


@pytest.mark.parametrize("wrap", [lambda events: events, paced])
def test_cancelling_the_reader_closes_every_stream(wrap):
    models = [hanging("a"), hanging("b")]
    comparison, model_of = one_column_each(list(models))

    async def read() -> None:
        async with aclosing(wrap(compare(comparison, model_of.__getitem__, Run()))) as events:
            async for _ in events:
                pass

    async def main() -> int:
        reader = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    assert [model.closed for model in models] == [1, 1]


async def _events(*steps: ColumnEvent | float | Exception) -> AsyncGenerator[ColumnEvent, None]:
    for step in steps:
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            yield step


def _said(column: int, text: str, state: str = "streaming") -> ColumnEvent:
    return ColumnEvent(column=column, state=state, text=text)


async def _batches(events: AsyncGenerator[ColumnEvent, None], per_second) -> list[tuple[float, dict[int, ColumnEvent]]]:
    start = time.perf_counter()
    return [(time.perf_counter() - start, batch) async for batch in paced(events, per_second)]


def test_paced_keeps_the_rate_and_the_final_state():
    models = [answering(*(f" {word}" for word in range(40)), pause=0.01) for _ in range(3)]
    comparison, model_of = one_column_each(list(models))
    batches = asyncio.run(_batches(compare(comparison, model_of.__getitem__, Run()), 10.0))
    gaps = [later - sooner for (sooner, _), (later, _) in pairwise(batches)]
    assert min(gaps) >= 0.095
    assert 3 <= len(batches) <= 12
    last = {column: event for _, batch in batches for column, event in batch.items()}
    assert [last[column].state for column in range(3)] == ["done"] * 3


def test_paced_gives_the_first_event_at_once_and_only_what_changed():
    batches = asyncio.run(_batches(_events(_said(0, "a"), 0.3, _said(1, "b"), 0.3, _said(1, "b", "done")), 5.0))
    assert batches[0][0] < 0.1
    assert [set(batch) for _, batch in batches] == [{0}, {1}, {1}]


def test_paced_gives_the_latest_to_a_slow_reader():
    async def main() -> list[str]:
        texts = []
        async with aclosing(
            paced(_events(*(_said(0, str(number)) for number in range(50)), 0.05, _said(0, "end", "done")))
        ) as batches:
            async for batch in batches:
                texts.append(batch[0].text)
                await asyncio.sleep(0.1)
        return texts

    assert asyncio.run(main()) in (["49", "end"], ["0", "49", "end"], ["0", "end"])


def test_paced_ends_when_the_events_do():
    batches = asyncio.run(asyncio.wait_for(_batches(_events(_said(0, "a", "done"), 0.1), 5.0), 2))
    assert len(batches) == 1


def test_paced_asks_for_the_rate_each_time():
    rates = iter([50.0, 50.0, 2.0, 50.0, 50.0, 50.0])
    steps = [step for number in range(5) for step in (_said(0, str(number)), 0.03)]
    batches = asyncio.run(_batches(_events(*steps, _said(0, "end", "done")), lambda: next(rates)))
    gaps = [later - sooner for (sooner, _), (later, _) in pairwise(batches)]
    assert max(gaps) >= 0.45
    assert batches[-1][1][0].state == "done"


def test_paced_delivers_what_came_before_a_failure_and_then_fails():
    texts = []

    async def main() -> None:
        events = _events(_said(0, "a"), 0.05, _said(0, "b", "done"), RuntimeError("broken"))
        async for batch in paced(events):
            texts.append(batch[0].text)

    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(main())
    assert texts == ["a", "b"]


def test_runs_are_found_while_they_are_under_way():
    runs = Runs()
    with runs.under_way() as run:
        assert runs.get(run.id) is run
        assert len(runs) == 1
        assert len(run.id) == 32
    assert runs.get(run.id) is None
    runs.discard(run.id)
    assert runs.get("no such run") is None


def test_updates_slow_down_under_load():
    runs = Runs()
    rates = []
    for _ in range(200):
        runs.add(Run())
        rates.append(runs.updates_per_second())
    assert rates[0] == rates[39] == 5.0
    assert rates[99] == rates[-1] == 2.0
    assert rates == sorted(rates, reverse=True)


def test_stops_from_many_threads_leave_nothing_behind():
    models = [hanging("a") for _ in range(8)]
    comparison, model_of = one_column_each(list(models))

    async def main() -> list[ColumnEvent]:
        run = Run()
        threads = [threading.Thread(target=run.stop, args=(index % 8,)) for index in range(32)]
        asyncio.get_running_loop().call_later(0.05, lambda: [thread.start() for thread in threads])
        return await asyncio.wait_for(collect(compare(comparison, model_of.__getitem__, run)), 5)

    assert [event.state for event in asyncio.run(main())] == ["stopped"] * 8
