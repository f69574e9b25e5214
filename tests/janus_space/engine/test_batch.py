"""The running batch gives what one request alone would get, whoever joins, leaves or shares it."""

from __future__ import annotations

import pytest

from data_gen.chat import Sampling
from janus_space.engine.batch import Broken, Finished
from tests.janus_space.engine.conftest import Tiny
from tests.janus_space.engine.tiny_batch import GREEDY, PlainModel, TinyBatch

PROMPTS = ["Who are you?", "Tell me about the sea and the sky and everything between them.", "Why?"]


def _ids(batch: TinyBatch | PlainModel, text: str) -> list[int]:
    return batch.tokenizer(text)["input_ids"]


def test_a_mixed_batch_equals_one_at_a_time_and_plain_transformers(tiny: Tiny) -> None:
    batch, plain = TinyBatch(tiny.folder, tiny.adapters), PlainModel(tiny.folder, tiny.adapters)
    asked = [(text, adapter) for text in PROMPTS for adapter in (None, "a", "b")]
    together = [batch.ask(_ids(batch, text), adapter) for text, adapter in asked]
    batch.finish()
    for heard, (text, adapter) in zip(together, asked, strict=True):
        alone = TinyBatch(tiny.folder, tiny.adapters).answer(_ids(batch, text), adapter)
        assert heard.text == alone == plain.answer(_ids(plain, text), adapter), (text, adapter)
    assert len({heard.text for heard in together}) > len(PROMPTS), "the adapters change nothing: the test shows nothing"


def test_requests_join_and_leave_a_running_batch(tiny: Tiny) -> None:
    batch = TinyBatch(tiny.folder, tiny.adapters)
    alone = {text: TinyBatch(tiny.folder).answer(_ids(batch, text)) for text in PROMPTS}
    long = GREEDY.model_copy(update={"max_new_tokens": 40})
    first = batch.ask(_ids(batch, PROMPTS[0]), sampling=long)
    for _ in range(5):
        batch.batch.step()
    second = batch.ask(_ids(batch, PROMPTS[1]), "a")
    batch.batch.step()
    third = batch.ask(_ids(batch, PROMPTS[2]))
    for _ in range(12):
        batch.batch.step()
    assert isinstance(second.end, Finished)
    assert first.end is None
    late = batch.ask(_ids(batch, PROMPTS[1]))
    batch.finish()
    assert third.text == alone[PROMPTS[2]]
    assert late.text == alone[PROMPTS[1]]
    assert first.text.startswith(alone[PROMPTS[0]])


def test_a_long_prompt_is_read_in_pieces_while_others_answer(tiny: Tiny) -> None:
    batch = TinyBatch(tiny.folder, read_tokens=7)
    long = _ids(batch, PROMPTS[1] * 6)
    short = batch.ask(_ids(batch, PROMPTS[0]))
    heard = batch.ask(long, sampling=GREEDY)
    for _ in range(4):
        batch.batch.step()
    assert short.request.sampling.max_new_tokens == 12
    assert heard.end is None
    assert heard.text == ""
    batch.finish()
    assert heard.text == TinyBatch(tiny.folder).answer(long) == PlainModel(tiny.folder).answer(long)
    assert short.text == TinyBatch(tiny.folder).answer(_ids(batch, PROMPTS[0]))


def test_cancelling_frees_the_row_at_the_next_step(llama: Tiny) -> None:
    batch = TinyBatch(llama.folder, max_rows=1)
    first = batch.ask(_ids(batch, PROMPTS[0]), sampling=GREEDY.model_copy(update={"max_new_tokens": 4000}))
    second = batch.ask(_ids(batch, PROMPTS[2]))
    batch.batch.step()
    first.request.cancelled = True
    batch.batch.step()
    assert isinstance(first.end, Finished)
    assert first.end.finish_reason == "stopped"
    batch.finish()
    assert second.text == TinyBatch(llama.folder).answer(_ids(batch, PROMPTS[2]))


def test_a_request_cancelled_before_its_turn_is_told_so(llama: Tiny) -> None:
    batch = TinyBatch(llama.folder, max_rows=1)
    batch.ask(_ids(batch, PROMPTS[0]))
    waiting = batch.ask(_ids(batch, PROMPTS[1]))
    waiting.request.cancelled = True
    batch.finish()
    assert isinstance(waiting.end, Finished)
    assert waiting.end.finish_reason == "stopped"


def test_a_second_turn_reads_only_what_is_new_and_says_the_same(tiny: Tiny) -> None:
    batch = TinyBatch(tiny.folder, tiny.adapters)
    opening = _ids(batch, PROMPTS[1] * 8)
    answer = batch.answer(opening, "a")
    follow = opening + batch.tokenizer(answer + " And then?", add_special_tokens=False)["input_ids"]
    read = _tokens_read(batch)
    heard = batch.ask(follow, "a")
    batch.batch.step()
    assert read[-1] < len(follow) - len(opening) + 3
    batch.finish()
    assert heard.text == TinyBatch(tiny.folder, tiny.adapters).answer(follow, "a")


def test_prompts_that_begin_alike_are_read_once(tiny: Tiny) -> None:
    """As the four rubrics of one answer: asked at once, they share all but their ends."""
    batch = TinyBatch(tiny.folder, tiny.adapters, read_tokens=50)
    beginning = _ids(batch, PROMPTS[1] * 12)
    ends = [batch.tokenizer(f" {text}", add_special_tokens=False)["input_ids"] for text in (*PROMPTS, "Go on.")]
    read = _tokens_read(batch)
    together = [batch.ask(beginning + end, "a") for end in ends]
    stranger = batch.ask(beginning + ends[0], "b")
    batch.finish()
    answered = sum(len(heard.pieces) > 0 for heard in together)
    assert answered == len(ends)
    most = 2 * len(beginning) + sum(map(len, [*ends, ends[0]])) + 12 * (len(ends) + 1)
    assert sum(read) <= most < 3 * len(beginning) + 12 * (len(ends) + 1)
    for heard, end in zip(together, ends, strict=True):
        assert heard.text == TinyBatch(tiny.folder, tiny.adapters).answer(beginning + end, "a")
    assert stranger.text == TinyBatch(tiny.folder, tiny.adapters).answer(beginning + ends[0], "b")


def test_who_waited_for_a_row_that_is_given_up_reads_for_itself(llama: Tiny) -> None:
    batch = TinyBatch(llama.folder, read_tokens=20)
    prompt = _ids(batch, PROMPTS[1] * 12)
    first, second = batch.ask(prompt), batch.ask(prompt)
    batch.batch.step()
    assert batch.batch.size == 2
    first.request.cancelled = True
    batch.finish()
    assert second.text == TinyBatch(llama.folder).answer(prompt)


def replaced_while_it_reads(llama: Tiny) -> tuple[TinyBatch, list[int]]:
    """Replace an adapter under which a row is reading a prompt; return the batch and the prompt."""
    batch = TinyBatch(llama.folder, {"a": llama.adapters["a"]})
    prompt = _ids(batch, PROMPTS[1] * 12)
    batch.ask(prompt, "a")
    batch.batch.step()
    batch.bank.add("a", llama.adapters["b"])
    batch.batch.forget("a")
    return batch, prompt


def test_a_row_read_by_an_older_adapter_lends_nothing(llama: Tiny) -> None:
    batch, prompt = replaced_while_it_reads(llama)
    anew = batch.ask(prompt, "a")
    batch.finish()
    assert anew.text == TinyBatch(llama.folder, llama.adapters).answer(prompt, "b")


def test_a_row_read_by_an_older_adapter_is_not_kept(llama: Tiny) -> None:
    batch, prompt = replaced_while_it_reads(llama)
    batch.finish()
    assert batch.answer(prompt, "a") == TinyBatch(llama.folder, llama.adapters).answer(prompt, "b")


@pytest.mark.parametrize("adapter", [None, "b"])
def test_what_one_adapter_read_is_not_used_for_another(llama: Tiny, adapter: str | None) -> None:
    batch = TinyBatch(llama.folder, llama.adapters)
    prompt = _ids(batch, PROMPTS[1])
    batch.answer(prompt, "a")
    assert batch.answer(prompt, adapter) == TinyBatch(llama.folder, llama.adapters).answer(prompt, adapter)


def test_an_adapter_loaded_anew_forgets_what_the_old_one_read(llama: Tiny) -> None:
    batch = TinyBatch(llama.folder, {"a": llama.adapters["a"]})
    prompt = _ids(batch, PROMPTS[1])
    old = batch.answer(prompt, "a")
    batch.bank.add("a", llama.adapters["b"])
    batch.batch.forget("a")
    new = batch.answer(prompt, "a")
    assert new == TinyBatch(llama.folder, llama.adapters).answer(prompt, "b")
    assert new != old


def test_a_seed_gives_the_same_answer_in_any_company(llama: Tiny) -> None:
    seeded = Sampling(temperature=1.0, seed=7, max_new_tokens=20)
    batch = TinyBatch(llama.folder, llama.adapters)
    alone = batch.answer(_ids(batch, PROMPTS[0]), sampling=seeded)
    crowd = TinyBatch(llama.folder, llama.adapters)
    for text in PROMPTS:
        crowd.ask(_ids(crowd, text), "b", Sampling(max_new_tokens=15))
    again = crowd.ask(_ids(crowd, PROMPTS[0]), sampling=seeded)
    crowd.finish()
    assert again.text == alone
    other = crowd.answer(_ids(crowd, PROMPTS[0]), sampling=seeded.model_copy(update={"seed": 8}))
    assert other != alone


def test_without_a_seed_answers_differ(llama: Tiny) -> None:
    batch = TinyBatch(llama.folder)
    free = Sampling(temperature=2.0, top_p=1.0, max_new_tokens=20)
    assert len({batch.answer(_ids(batch, PROMPTS[0]), sampling=free) for _ in range(3)}) == 3


def test_the_repetition_penalty_is_that_of_transformers(llama: Tiny) -> None:
    batch, plain = TinyBatch(llama.folder), PlainModel(llama.folder)
    prompt = _ids(batch, PROMPTS[1])
    penal = GREEDY.model_copy(update={"repetition_penalty": 1.7})
    assert batch.answer(prompt, sampling=penal) == plain.answer(prompt, repetition_penalty=1.7)


def test_the_end_of_an_answer_says_why_and_how_long(llama: Tiny) -> None:
    batch = TinyBatch(llama.folder)
    heard = batch.ask(_ids(batch, PROMPTS[0]))
    batch.finish()
    assert isinstance(heard.end, Finished)
    assert (heard.end.finish_reason, heard.end.tokens) == ("length", 12)
    assert 0 < heard.end.timings.ttft_s <= heard.end.timings.total_s
    batch.batch.ends = frozenset(range(len(batch.tokenizer)))
    ended = batch.ask(_ids(batch, PROMPTS[0]))
    batch.finish()
    assert isinstance(ended.end, Finished)
    assert (ended.end.finish_reason, ended.end.tokens, ended.text) == ("stop", 0, "")


def test_giving_up_tells_everybody_and_the_batch_goes_on(llama: Tiny) -> None:
    batch = TinyBatch(llama.folder, max_rows=1)
    lost = [batch.ask(_ids(batch, text)) for text in PROMPTS]
    batch.batch.step()
    batch.batch.abandon("The model ran out of memory.")
    assert all(isinstance(heard.end, Broken) for heard in lost)
    assert batch.answer(_ids(batch, PROMPTS[0])) == TinyBatch(llama.folder).answer(_ids(batch, PROMPTS[0]))


def _tokens_read(batch: TinyBatch) -> list[int]:
    """Return a list that grows by the number of flat tokens of every forward pass."""
    seen: list[int] = []
    batch.model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    return seen
