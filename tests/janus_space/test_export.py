from __future__ import annotations

import json
import sys
from itertools import pairwise
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from data_gen.chat import Completion, Sampling, Timings
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.export import as_json, as_markdown, as_python, row, rows
from janus_space.verbs import CompareRequest

PIRATE = Column(model="echo:", system="Talk like a pirate.")
PLAIN = Column(model="openai:a|b`c", system=None)
COMPARISON = Comparison(
    columns=(PIRATE, PLAIN),
    turns=(Turn(prompt="Hi?", answers=("Ahoy!", None)), Turn(prompt="Why?")),
    sampling=Sampling(seed=7, stop=("###", "a|b")),
)
DONE = ColumnEvent(
    column=0,
    state="done",
    text="Because, matey.",
    completion=Completion(
        text="Because, matey.",
        finish_reason="stop",
        tokens=4,
        timings=Timings(ttft_s=0.412, total_s=1.0, tokens_per_s=31.04),
    ),
)
FAILED = ColumnEvent(column=1, state="failed", text="Be", note="Nobody answers there.")


def test_a_row_has_exactly_these_keys():
    assert row(COMPARISON, DONE) == {
        "model": "echo:",
        "system": "Talk like a pirate.",
        "prompt": "Why?",
        "text": "Because, matey.",
        "finish_reason": "stop",
        "tokens": 4,
        "ttft_s": 0.412,
        "tokens_per_s": 31.04,
    }


def test_only_a_failed_row_has_an_error():
    assert row(COMPARISON, FAILED) == {
        "model": "openai:a|b`c",
        "system": None,
        "prompt": "Why?",
        "text": "Be",
        "finish_reason": None,
        "tokens": None,
        "ttft_s": None,
        "tokens_per_s": None,
        "error": "Nobody answers there.",
    }


def test_a_stopped_row_says_so():
    assert row(COMPARISON, ColumnEvent(column=0, state="stopped", text="Be"))["finish_reason"] == "stopped"


def test_rows_come_in_column_order_and_fall_back_to_the_answers_kept():
    kept = COMPARISON.model_copy(update={"turns": (Turn(prompt="Why?", answers=("Kept.", "Old.")),)})
    assert [given["text"] for given in rows(kept, [FAILED])] == ["Kept.", "Be"]
    assert [given["text"] for given in rows(COMPARISON, [FAILED, DONE])] == ["Because, matey.", "Be"]


def test_json_is_the_rows():
    assert json.loads(as_json(COMPARISON, [DONE, FAILED])) == rows(COMPARISON, [DONE, FAILED])


def test_markdown_tells_the_whole_conversation():
    text = as_markdown(COMPARISON, [DONE, FAILED])
    for said in ("Talk like a pirate.", "Hi?", "Ahoy!", "Why?", "Because, matey.", "Nobody answers there."):
        assert said in text
    assert "*No system message was sent, on purpose.*" in text
    assert "4 tokens · first after 0.41 s · 31.0 tokens/s · finish reason: stop" in text
    assert text.index("Ahoy!") < text.index("Why?") < text.index("Because, matey.")


def test_markdown_settings_are_a_table():
    tokens = MarkdownIt("commonmark").enable("table").parse(as_markdown(COMPARISON, [DONE, FAILED]))
    cells = [after.content for token, after in pairwise(tokens) if token.type == "td_open"]
    assert cells[::2] == list(Sampling.model_fields)
    assert "a|b" in cells[-1]


nasty = st.text(alphabet="`~#>-*<a\n |\\", min_size=1, max_size=40).filter(str.strip)


@given(nasty, nasty, nasty)
def test_nothing_escapes_from_its_fence(system: str, prompt: str, answer: str):
    comparison = Comparison(columns=(Column(model="echo:", system=system),), turns=(Turn(prompt=prompt),))
    markdown = as_markdown(comparison, [ColumnEvent(column=0, state="done", text=answer)])
    tokens = MarkdownIt("commonmark").parse(markdown)
    fenced = [token.content.removesuffix("\n") for token in tokens if token.type == "fence"]
    assert fenced == [system, prompt, answer]
    assert {token.type for token in tokens} <= {
        "heading_open",
        "inline",
        "heading_close",
        "paragraph_open",
        "paragraph_close",
        "fence",
    }


@given(st.text(alphabet="`a# \n[]<", min_size=1, max_size=20).filter(str.strip))
def test_a_model_name_stays_in_its_heading(model: str):
    comparison = Comparison(columns=(Column(model=model),), turns=(Turn(prompt="Why?"),))
    tokens = MarkdownIt("commonmark").parse(as_markdown(comparison))
    headings = [after for token, after in pairwise(tokens) if token.type == "heading_open"]
    codes = [child.content for heading in headings for child in heading.children or [] if child.type == "code_inline"]
    assert codes == [" ".join(model.split())] * 2


class StubClient:
    """Stands in for gradio_client.Client: it keeps how it was called."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.called: dict[str, object] = {}
        StubClient.last = self

    def predict(self, **given: object) -> list[dict[str, object]]:
        self.called = given
        return [{"model": "echo:", "text": "Ahoy!"}, {"model": "gone:", "text": "", "error": "Nobody answers."}]


def called_by(script: str, monkeypatch: pytest.MonkeyPatch) -> StubClient:
    module = ModuleType("gradio_client")
    module.Client = StubClient
    monkeypatch.setitem(sys.modules, "gradio_client", module)
    exec(compile(script, "snippet.py", "exec"), {})
    return StubClient.last


def test_the_script_asks_the_same_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    client = called_by(as_python(COMPARISON), monkeypatch)
    assert client.address == "http://127.0.0.1:7860"
    assert client.called.pop("api_name") == "/compare"
    assert CompareRequest.model_validate(client.called).comparison() == COMPARISON
    assert capsys.readouterr().out == "echo:\nAhoy!\n\ngone:\nNobody answers.\n\n"


def test_a_script_without_a_seed_says_that_answers_vary():
    assert "No seed" not in as_python(COMPARISON)
    assert "No seed" in as_python(COMPARISON.model_copy(update={"sampling": Sampling()}))


@pytest.mark.parametrize(
    "text", ['"""\nimport os\n"""', "' + __import__('os').name + '", "\\", "\n#", "a\u2028b", "{0}%s"]
)
def test_no_text_breaks_out_of_the_script(text: str, monkeypatch: pytest.MonkeyPatch):
    comparison = Comparison(
        columns=(Column(model=text, system=text),),
        turns=(Turn(prompt=text, answers=(text,)), Turn(prompt=text)),
        sampling=Sampling(stop=(text,)),
    )
    called = called_by(as_python(comparison, address=text), monkeypatch).called
    called.pop("api_name")
    assert CompareRequest.model_validate(called).comparison() == comparison
