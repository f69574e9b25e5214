from __future__ import annotations

import base64
import json
import re
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_gen.chat import Sampling
from janus_space.comparison import Column, Comparison, Turn
from janus_space.errors import BadLink
from janus_space.share import MAX_CODE_CHARACTERS, MAX_UNPACKED_BYTES, from_code, to_code

words = st.text(min_size=1, max_size=20).filter(str.strip)
columns = st.builds(Column, model=words.filter(lambda spec: "://" not in spec), system=st.none() | words)
samplings = st.builds(
    Sampling,
    temperature=st.floats(0, 2),
    top_p=st.floats(0.01, 1),
    repetition_penalty=st.floats(1, 2),
    max_new_tokens=st.integers(1, 4096),
    seed=st.none() | st.integers(0, 2**31 - 1),
    stop=st.lists(words, max_size=4).map(tuple),
)
comparisons = st.builds(
    Comparison,
    columns=st.lists(columns, min_size=1, max_size=4).map(tuple),
    turns=st.lists(
        st.builds(Turn, prompt=words, answers=st.lists(st.none() | words, max_size=4).map(tuple)),
        min_size=1,
        max_size=4,
    ).map(tuple),
    sampling=samplings,
)


def small(**changes) -> Comparison:
    return Comparison(columns=(Column(model="echo:", system="Be brief."),), turns=(Turn(prompt="Why?"),)).model_copy(
        update=changes
    )


def packed(data: bytes) -> str:
    return "1" + base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")


@given(comparisons)
def test_a_code_holds_the_whole_comparison(comparison: Comparison):
    code = to_code(comparison, include_answers=True)
    assert from_code(code) == comparison
    assert re.fullmatch(r"[A-Za-z0-9_-]+", code)
    assert len(code) <= MAX_CODE_CHARACTERS


@given(comparisons)
def test_without_answers_the_questions_stay(comparison: Comparison):
    turns = tuple(Turn(prompt=turn.prompt) for turn in comparison.turns)
    assert from_code(to_code(comparison)) == comparison.model_copy(update={"turns": turns})


def test_devices_stay_at_home():
    code = to_code(small(columns=(Column(model="echo:", device="cuda:1"),)))
    assert from_code(code).columns == (Column(model="echo:"),)
    assert b"cuda" not in zlib.decompress(base64.urlsafe_b64decode(code[1:] + "=="))


def test_every_knob_is_carried():
    assert len(json.loads(zlib.decompress(base64.urlsafe_b64decode(to_code(small())[1:] + "==")))["k"]) == len(
        Sampling.model_fields
    )


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(code: str):
    assert is_read_or_refused(code)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes):
    assert is_read_or_refused("1" + base64.urlsafe_b64encode(data).decode())
    assert is_read_or_refused(packed(data))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["m", "s", "q", "a", "k", "x"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_read_or_refused(value: object):
    assert is_read_or_refused(packed(json.dumps(value).encode()))


@given(comparisons, st.data())
def test_a_damaged_code_is_read_or_refused(comparison: Comparison, data: st.DataObject):
    code = to_code(comparison)
    place = data.draw(st.integers(0, len(code) - 1))
    assert is_read_or_refused(code[:place] + data.draw(st.characters(codec="ascii")) + code[place + 1 :])
    assert is_read_or_refused(code[:place])


def is_read_or_refused(code: str) -> bool:
    """Tell whether a code gives a comparison, or one sentence; anything else that is raised is a fault."""
    try:
        return isinstance(from_code(code), Comparison)
    except BadLink as error:
        return is_sentence(error)


def is_sentence(error: BadLink) -> bool:
    told = str(error)
    return told.endswith(".") and len(told) < 200 and "\n" not in told


@pytest.mark.parametrize(
    "data",
    [
        b"[" * MAX_UNPACKED_BYTES,
        b'{"m":["echo:"],"s":[null],"q":["hi"],"k":[NaN,0.9,1.03,256,null,[]]}',
        b'{"m":["echo:"],"s":[null],"q":["hi"],"k":[1,0.9,1.03,99999,null,[]]}',
        b'{"m":["echo:"],"s":[""],"q":["hi"],"k":[1,0.9,1.03,256,null,[]]}',
        b'{"m":["echo:"],"s":[],"q":["hi"],"k":[1,0.9,1.03,256,null,[]]}',
        b'{"m":["echo:"],"s":[null],"q":[],"k":[1,0.9,1.03,256,null,[]]}',
        b'{"m":[],"s":[],"q":["hi"],"k":[1,0.9,1.03,256,null,[]]}',
        b'{"m":["a","b","c","d","e"],"s":[null,null,null,null,null],"q":["hi"],"k":[1,0.9,1.03,256,null,[]]}',
        b'{"m":["echo:"],"s":[null],"q":["hi"],"k":[1,0.9,1.03,256,null,[]],"extra":1}',
        b'{"m":["openai:x@http://me:pw@127.0.0.1/v1"],"s":[null],"q":["hi"],"k":[1,0.9,1.03,256,null,[]]}',
    ],
)
def test_what_is_no_comparison_is_refused(data: bytes):
    with pytest.raises(BadLink) as refused:
        from_code(packed(data))
    assert is_sentence(refused.value)


def test_a_bomb_is_not_unpacked():
    bomb = packed(b'{"m":["' + b"a" * 5_000_000 + b'"]}')
    assert len(bomb) <= MAX_CODE_CHARACTERS
    tracemalloc.start()
    with pytest.raises(BadLink):
        from_code(bomb)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 3 * MAX_UNPACKED_BYTES


def test_a_code_too_long_is_refused_unread():
    with pytest.raises(BadLink, match="too long"):
        from_code("1" + "A" * MAX_CODE_CHARACTERS)


def test_a_newer_code_says_so():
    with pytest.raises(BadLink, match="newer"):
        from_code("2" + to_code(small())[1:])


def test_what_does_not_fit_a_link_says_the_way_out():
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(8_000))
    with pytest.raises(BadLink, match="export"):
        to_code(small(turns=(Turn(prompt=noise),)))
    with pytest.raises(BadLink, match="without the answers"):
        to_code(small(turns=(Turn(prompt="Why?", answers=(noise,)),)), include_answers=True)
    with pytest.raises(BadLink, match="too long"):
        to_code(small(turns=(Turn(prompt="a", answers=("a" * MAX_UNPACKED_BYTES,)),)), include_answers=True)
    with pytest.raises(BadLink, match="at most 4 columns; this comparison has 5"):
        to_code(small(columns=(Column(model="echo:"),) * 5))


@pytest.mark.parametrize("address", ["https://me:secret@example.org/v1", "https://example.org/v1?key=secret"])
def test_a_link_never_carries_a_password(address: str):
    with pytest.raises(BadLink, match="password"):
        to_code(small(columns=(Column(model=f"openai:x@{address}"),)))
    assert from_code(to_code(small(columns=(Column(model="openai:x@https://example.org/v1"),))))
