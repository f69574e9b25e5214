"""The real Hub client and the tests' own Hub; each case is a process, because the client reads its variables once."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import TOKEN, LocalHub

ROOT = Path(__file__).parents[2]
FETCH = """
import sys
from trainer.errors import TrainerError
from trainer.hub_snapshot import fetch, resolve_commit

try:
    commit = resolve_commit(sys.argv[1], sys.argv[2] or None)
    folder = fetch(sys.argv[1], commit, ["*.json"])
    print(commit, (folder / "config.json").read_text(), sorted(path.name for path in folder.iterdir()))
except TrainerError as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "original").mkdir(parents=True)
    (folder / "config.json").write_text('{"version": 1}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "original" / "params.json").write_text("{}")
    return folder


def fetched(environment: dict[str, str], repository: str, revision: str = "", **more: str) -> str:
    command = [sys.executable, "-c", FETCH, repository, revision]
    run = subprocess.run(command, cwd=ROOT, env=environment | more, text=True, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    (line,) = run.stdout.splitlines()
    return line


def test_fetches_the_matching_files_of_the_newest_commit(hub: LocalHub, source: Path, tmp_path: Path) -> None:
    commit = hub.add("me/plain", source)
    line = fetched(hub.environment(tmp_path / "hf"), "me/plain")
    assert line == f"{commit} {{\"version\": 1}} ['config.json']"
    assert f"GET /me/plain/resolve/{commit}/config.json" in hub.requests


def test_a_revision_names_an_older_commit(hub: LocalHub, source: Path, tmp_path: Path) -> None:
    old = hub.add("me/moving", source, ref="v1")
    (source / "config.json").write_text('{"version": 2}')
    new = hub.add("me/moving", source)
    environment = hub.environment(tmp_path / "hf")
    assert fetched(environment, "me/moving").startswith(f'{new} {{"version": 2}}')
    assert fetched(environment, "me/moving", "v1").startswith(f'{old} {{"version": 1}}')
    assert fetched(environment, "me/moving", old).startswith(f'{old} {{"version": 1}}')


def test_what_was_fetched_is_there_without_the_hub(hub: LocalHub, source: Path, tmp_path: Path) -> None:
    hub.add("me/cached", source)
    environment = hub.environment(tmp_path / "hf")
    line = fetched(environment, "me/cached")
    assert fetched(environment, "me/cached", HF_HUB_OFFLINE="1") == line
    assert fetched(environment, "me/cached", HF_ENDPOINT="http://127.0.0.1:9") == line


def test_a_token_opens_private_and_gated_repositories(hub: LocalHub, source: Path, tmp_path: Path) -> None:
    hub.add("me/private", source, is_private=True)
    hub.add("me/gated", source, is_gated=True)
    for repository in ("me/private", "me/gated"):
        assert "config.json" in fetched(hub.environment(tmp_path / "hf", token=TOKEN), repository)


@pytest.mark.parametrize(
    ("repository", "revision", "words"),
    [
        ("no/where", "", "There is no model no/where on 127.0.0.1"),
        ("me/hidden", "", "set HF_TOKEN if it is private"),
        ("me/locked", "", "me/locked is gated: accept its terms on 127.0.0.1"),
        ("me/known", "v9", "me/known has no revision 'v9'"),
    ],
)
def test_each_refusal_is_one_sentence(
    hub: LocalHub, source: Path, tmp_path: Path, repository: str, revision: str, words: str
) -> None:
    hub.add("me/hidden", source, is_private=True)
    hub.add("me/locked", source, is_gated=True)
    hub.add("me/known", source)
    line = fetched(hub.environment(tmp_path / "hf"), repository, revision)
    assert line.startswith("ModelNotFound: ")
    assert words in line


def test_no_hub_in_reach_is_one_sentence_without_the_address_s_password(hub: LocalHub, tmp_path: Path) -> None:
    environment = hub.environment(tmp_path / "hf")
    line = fetched(environment, "me/any", HF_ENDPOINT="http://user:secret@127.0.0.1:9")
    assert line.startswith("ModelNotFound: me/any is not on this machine, and 127.0.0.1:9 does not answer as a Hub")
    assert "secret" not in line
    assert "HF_HUB_OFFLINE forbids" in fetched(environment, "me/any", HF_HUB_OFFLINE="1")


def test_a_token_that_is_no_header_is_not_repeated(hub: LocalHub, source: Path, tmp_path: Path) -> None:
    hub.add("me/plain", source)
    line = fetched(hub.environment(tmp_path / "hf", token="hf_se\ncret"), "me/plain")
    assert "cret" not in line


def test_an_address_that_serves_pages_is_no_hub(tmp_path: Path, hub: LocalHub) -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        line = fetched(hub.environment(tmp_path / "hf"), "me/any", HF_ENDPOINT=address)
        server.shutdown()
    assert line.startswith("ModelNotFound: me/any is not on this machine")


def test_a_cache_that_cannot_be_written_is_one_sentence(hub: LocalHub, source: Path, tmp_path: Path) -> None:
    hub.add("me/plain", source)
    (tmp_path / "file").touch()
    line = fetched(hub.environment(tmp_path / "file" / "hf"), "me/plain")
    assert line.startswith("StorageFailed: Cannot write to")
    assert "HF_HOME" in line
