from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.errors import ModelNotFound, ModelRefused
from trainer.model_spec import ModelSpec

COMMIT = "8e0ae2eafc270750ddd4873d980a5ec8dad561e8"


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("embedded:smollm2", ModelSpec("embedded", "smollm2")),
        ("embedded:smollm2+./run/adapter", ModelSpec("embedded", "smollm2", adapter="./run/adapter")),
        ("embedded:smollm2+me/pirate@v1", ModelSpec("embedded", "smollm2", adapter="me/pirate@v1")),
        ("hf:kaist-ai/janus-7b", ModelSpec("hf", "kaist-ai/janus-7b")),
        (f"hf:kaist-ai/janus-7b@{COMMIT}", ModelSpec("hf", "kaist-ai/janus-7b", COMMIT)),
        ("hf:a/b@refs/pr/1+~/my adapter", ModelSpec("hf", "a/b", "refs/pr/1", "~/my adapter")),
        ("path:/models/mistral+c/d", ModelSpec("path", "/models/mistral", adapter="c/d")),
        ("  path:models/été ", ModelSpec("path", "models/été")),
    ],
)
def test_reads_and_writes_a_spec(text: str, spec: ModelSpec) -> None:
    assert ModelSpec.parse(text) == spec
    assert str(spec) == text.strip()
    assert spec.base == text.strip().partition("+")[0]


def test_an_embedded_adapter_is_the_embedded_model_with_a_folder_of_the_project() -> None:
    spec = ModelSpec.parse("embedded:janus-135m")
    assert spec.base == "embedded:smollm2"
    assert Path(spec.adapter or "").parts[-2:] == ("assets", "janus_135m")
    assert not spec.names_a_folder
    assert ModelSpec.parse(str(spec)) == spec
    assert ModelSpec.parse("embedded:smollm2+./mine").names_a_folder
    assert ModelSpec.parse("path:/mine").names_a_folder
    assert not ModelSpec.parse("hf:a/b+c/d").names_a_folder


@pytest.mark.parametrize(
    "text",
    [
        "",
        "smollm2",
        "embedded:",
        "embedded:a/b",
        "openai:gpt-4o",
        "hf:janus-7b",
        "hf:a/b/c",
        "hf:a/b@",
        "hf:a/-b",
        "hf:a/b--c",
        "hf:a/b.git",
        "hf:a/b c",
        "hf:a/b@-x",
        "path:",
        "embedded:smollm2+",
        "embedded:smollm2+nowhere",
        "embedded:smollm2+a/b/c",
    ],
)
def test_a_malformed_spec_is_answered_with_the_right_form(text: str) -> None:
    with pytest.raises(ModelNotFound) as refusal:
        ModelSpec.parse(text)
    words = str(refusal.value)
    assert "org/name" in words
    assert "\n" not in words


@pytest.mark.parametrize(
    "text",
    [
        "path:/models/../../etc",
        "path:..",
        "embedded:smollm2+../adapter",
        "hf:a/b@../../x",
        "path:/models/a\0b",
        "path:/models/a\nb",
        "path:/models/\u202eb",
        "path:/" + "a" * 500,
        "path:/" + "é" * 200,
    ],
)
def test_a_hostile_spec_is_refused(text: str) -> None:
    with pytest.raises(ModelRefused) as refusal:
        ModelSpec.parse(text)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300


def test_a_relative_adapter_folder_needs_no_dot_when_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adapter").mkdir()
    monkeypatch.chdir(tmp_path)
    assert ModelSpec.parse("embedded:smollm2+adapter").adapter == "adapter"


def test_a_folder_whose_name_holds_a_plus_sign_is_taken_whole(tmp_path: Path) -> None:
    (tmp_path / "a+b").mkdir()
    assert ModelSpec.parse(f"path:{tmp_path}/a+b") == ModelSpec("path", f"{tmp_path}/a+b")


@given(st.text(max_size=60) | st.from_regex(r"(embedded|hf|path):[a-z+@/. ~-]{0,20}", fullmatch=True))
def test_whatever_is_typed_gives_a_spec_that_survives_the_round_trip_or_one_sentence(text: str) -> None:
    try:
        spec = ModelSpec.parse(text)
    except (ModelNotFound, ModelRefused):
        return
    assert ModelSpec.parse(str(spec)) == spec
