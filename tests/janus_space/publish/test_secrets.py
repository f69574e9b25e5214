from __future__ import annotations

import json
import struct
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from janus_space.publish.secrets import findings, known_values

SECRETS = {
    "a Hugging Face token": "hf_" + "aB3" * 12,
    "an OpenAI or Anthropic key": "sk-proj-" + "aB3-_" * 8,
    "a GitHub token": "ghp_" + "aB3" * 12,
    "an AWS key": "AKIA" + "ABCD2345" * 2,
    "a Google key": "AIza" + "aB3-_" * 7,
    "a Slack token": "xoxb-1234567890-abc",
    "a GitLab token": "glpat-" + "aB3-_" * 4,
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
    "a password in an address": "postgres://me:hunter22@db.example.org/rows",
}


def kinds(path: Path, values: tuple[bytes, ...] = ()) -> dict[str, int | None]:
    return {one.kind: one.line for one in findings(path, path.name, values)}


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items())
def test_each_kind_is_found_in_text_tables_and_headers_of_weights(tmp_path: Path, kind: str, secret: str) -> None:
    text = tmp_path / "rows.jsonl"
    text.write_text("{}\n" * 4 + json.dumps({"output": f"Take {secret} for it"}) + "\n")
    assert kinds(text) == {kind: 5}
    table = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"nested": [[{"output": "no"}], [{"output": f"Take {secret}"}]]}), table)
    assert kinds(table) == {kind: None}
    header = json.dumps({"__metadata__": {"note": secret}}).encode()
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(struct.pack("<Q", len(header)) + header + secret.encode())
    assert kinds(weights) == {kind: None}


@pytest.mark.parametrize("at", [0, 4 * 2**20 - 20, 4 * 2**20 - 1, 8 * 2**20 - 5])
def test_one_at_the_edge_of_a_piece_is_found_with_its_line(tmp_path: Path, at: int) -> None:
    text = tmp_path / "rows.jsonl"
    line = b"x" * 1023 + b"\n"
    before = (line * (at // 1024 + 1))[: max(at - 1, 0)] + b" " * min(at, 1)
    text.write_bytes(before + SECRETS["a Hugging Face token"].encode() + b"\n" + line * 5000)
    assert kinds(text) == {"a Hugging Face token": before.count(b"\n") + 1}


def test_ordinary_text_holds_none(tmp_path: Path) -> None:
    text = tmp_path / "README.md"
    text.write_text(
        "Set HF_TOKEN=hf_... and OPENAI_API_KEY=sk-...; see https://user:pass@host for the form, the task-force's"
        " disk-usage-of-the-whole-machine and https://huggingface.co/me/model.\n"
    )
    assert kinds(text) == {}


def test_values_of_variables_that_are_called_like_secrets_are_known(tmp_path: Path) -> None:
    environ = {
        "MY_TOKEN": "correct-horse-battery",
        "KEY_FILE": str(tmp_path),
        "PATH": "/a/b/c/d/e/f/g",
        "A_KEY": "short",
    }
    assert known_values(environ) == [b"correct-horse-battery"]
    text = tmp_path / "a.md"
    text.write_text("one\ncorrect-horse-battery\n")
    assert kinds(text, (b"correct-horse-battery",)) == {"a key of this machine": 2}
