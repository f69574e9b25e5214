from __future__ import annotations

import pytest

from data_gen.errors import BadRequest
from data_gen.openai_spec import api_key_for, host, is_openai, origin, parse_openai_spec

OPENAI = "https://api.openai.com/v1"
KEY = "sk-SENTINEL"


@pytest.mark.parametrize(
    ("spec", "model", "base_url"),
    [
        ("openai:gpt-4o", "gpt-4o", OPENAI),
        ("openai:llama3.2:3b@http://127.0.0.1:11434/v1", "llama3.2:3b", "http://127.0.0.1:11434/v1"),
        ("openai:kaist-ai/janus-7b@https://gpu.example/v1/", "kaist-ai/janus-7b", "https://gpu.example/v1"),
        ("openai:org/name@v2@https://gpu.example/v1", "org/name@v2", "https://gpu.example/v1"),
        ("openai:odd@http://a/b@http://127.0.0.1:8000/v1", "odd@http://a/b", "http://127.0.0.1:8000/v1"),
        ("openai:name@revision", "name@revision", OPENAI),
        ("openai:m@http://[::1]:8000/v1", "m", "http://[::1]:8000/v1"),
    ],
)
def test_a_spec_splits_at_its_last_address(spec: str, model: str, base_url: str) -> None:
    assert parse_openai_spec(spec) == (model, base_url)


@pytest.mark.parametrize(
    "spec",
    [
        "openai:",
        "gpt-4o",
        "openai:two words",
        "openai:m@http://",
        "openai:m@http:///v1",
        "openai:m@http://host:99999/v1",
        "openai:m@http://host:0/v1",
        "openai:m@http://[::1/v1",
    ],
)
def test_what_is_no_spec_is_refused(spec: str) -> None:
    with pytest.raises(BadRequest, match="write"):
        parse_openai_spec(spec)


@pytest.mark.parametrize("address", ["https://me:SECRET@host/v1", "https://SECRET@host/v1", "https://host/v1?k=SECRET"])
def test_a_secret_in_the_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(BadRequest, match="key on its own") as caught:
        parse_openai_spec(f"openai:m@{address}")
    assert "SECRET" not in str(caught.value)


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("https://API.openai.com:443/v1") == origin(OPENAI) == "https://api.openai.com"
    assert origin("http://api.openai.com/v1") != origin(OPENAI)
    assert host("http://127.0.0.1:8000/v1") == "127.0.0.1:8000"
    assert host("http://[::1]:8000/v1") == "[::1]:8000"
    assert is_openai(OPENAI)
    assert not is_openai("https://api.openai.com.evil.example/v1")


def test_a_session_key_goes_only_to_its_own_origin() -> None:
    keys = {"https://gpu.example": KEY}
    assert api_key_for("https://gpu.example/other/v1", keys, {}) == KEY
    for elsewhere in ("http://gpu.example/v1", "https://gpu.example:8443/v1", "https://evil.example/v1", OPENAI):
        assert api_key_for(elsewhere, keys, {}) is None


def test_the_key_from_the_environment_goes_only_where_it_belongs() -> None:
    environment = {"OPENAI_API_KEY": KEY}
    assert api_key_for(OPENAI, {}, environment) == KEY
    for elsewhere in ("http://api.openai.com/v1", "https://api.openai.com.evil.example/v1", "http://127.0.0.1:8000/v1"):
        assert api_key_for(elsewhere, {}, environment) is None
    environment["OPENAI_BASE_URL"] = "http://127.0.0.1:8000/v1"
    assert api_key_for("http://127.0.0.1:8000/v1", {}, environment) == KEY
    assert api_key_for("http://127.0.0.1:8001/v1", {}, environment) is None


def test_a_session_key_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert api_key_for(OPENAI, {OPENAI: "sk-mine"}) == "sk-mine"
    assert api_key_for(OPENAI, {}) == KEY
