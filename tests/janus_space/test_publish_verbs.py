"""Publishing by the command line, in real processes: what is listed, refused, asked, and found again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub import TOKEN, LocalHub
from tests.trainer.sample_rows import sft_rows, write_jsonl

ROOT = Path(__file__).parents[2]
Janus = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub


@pytest.fixture
def janus(hub: LocalHub, tmp_path: Path) -> Janus:
    folder = tmp_path / "voices"
    folder.mkdir()
    write_jsonl(folder / "train.jsonl", sft_rows())
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n\n# Voices\n")

    def janus(*arguments: str, token: str | None = TOKEN) -> subprocess.CompletedProcess[str]:
        environment = hub.environment(tmp_path / "hf", token)
        return subprocess.run(
            [sys.executable, "-m", "janus_space", "publish", "dataset", str(folder), "tester/voices", *arguments],
            cwd=ROOT,
            env=environment | {"JANUS_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=240,
        )

    return janus


def test_dry_run_question_publication_and_no_trace_of_the_token(janus: Janus, hub: LocalHub, tmp_path: Path) -> None:
    dry = janus("--license", "mit", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "train.jsonl" in dry.stdout
    assert "# Voices" in dry.stdout
    assert hub.repositories == {}
    asked = janus("--license", "mit")
    assert asked.returncode == 2
    assert "non-commercial use only; mit would allow more" in asked.stderr
    assert "--accept licence" in asked.stderr
    assert hub.repositories == {}
    done = janus("--license", "mit", "--accept", "licence", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["status"], row["url"]) == ("finished", f"{hub.url}/datasets/tester/voices")
    assert len(list((tmp_path / "home/jobs/publish").iterdir())) == 1  # the same command, the same job
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


@pytest.mark.proof
def test_without_a_token_it_ends_with_a_sentence(janus: Janus, hub: LocalHub) -> None:
    refused = janus(token=None)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("janus: Publishing needs a token of your account")
    assert hub.repositories == {}
