from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.errors import ModelCorrupt, ModelRefused
from trainer.foreign_code import CONFIG_FILES, refuse_foreign_code


@pytest.mark.parametrize("file_name", CONFIG_FILES)
@pytest.mark.parametrize(
    "config",
    [
        {"auto_map": {"AutoModelForCausalLM": "modeling_x.Model"}},
        {"text_config": {"deep": [{"trust_remote_code": True}]}},
        {"attn_implementation": "someone/kernel"},
        {"text_config": {"_attn_implementation": "someone/kernel@main:attention"}},
    ],
)
def test_a_configuration_that_asks_for_foreign_code_is_refused(tmp_path: Path, file_name: str, config: object) -> None:
    (tmp_path / file_name).write_text(json.dumps(config))
    with pytest.raises(ModelRefused, match=file_name):
        refuse_foreign_code(tmp_path, "path:x")


def test_an_honest_configuration_passes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "_attn_implementation": "sdpa"}))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"vocab": {"auto_map": 1, "trust_remote_code": 2}}))
    assert refuse_foreign_code(tmp_path, "path:x") is None


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", "[" * 200_000])
def test_what_is_no_configuration_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelCorrupt, match=r"config\.json"):
        refuse_foreign_code(tmp_path, "path:x")


def test_a_configuration_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b" " * (9 * 1024 * 1024))
    with pytest.raises(ModelRefused, match="8 MB"):
        refuse_foreign_code(tmp_path, "path:x")
