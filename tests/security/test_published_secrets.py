"""Sentinels in the place of every secret that a publication could come across, and what arrived on the Hub."""

from __future__ import annotations

import json
import pickle
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from janus_space.home import Home
from tests.hub import TOKEN, LocalHub
from tests.janus_space.publish.test_model_packing import BASE
from tests.janus_space.publish.test_model_packing import run as finished_run
from tests.security.attacker import TRIED, Attacker, events_of
from tests.security.watched import Watched, holds_a_secret, sentinels
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import sft_rows, write_jsonl

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("security")]

LEFT_LYING = "sk-SENTINEL-left-lying-in-a-file"


def leave_secrets(folder: Path) -> None:
    """Write into a folder what trainers, editors and people leave behind."""
    (folder / ".env").write_text(f"OPENAI_API_KEY={LEFT_LYING}\n")
    (folder / "log.txt").write_text(f"Authorization: Bearer {TOKEN}\n")
    (folder / "training_args.bin").write_bytes(pickle.dumps({"hub_token": TOKEN, "key": LEFT_LYING}))
    (folder / "optimizer.pt").write_bytes(LEFT_LYING.encode())
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text(f"url = https://me:{LEFT_LYING}@huggingface.co/me/voices\n")


def dataset_with_secrets_beside(folder: Path) -> Path:
    """Write rows, and beside them secrets."""
    folder.mkdir()
    write_jsonl(folder / "train.jsonl", sft_rows())
    (folder / "README.md").write_text("---\nlicense: mit\n---\n\n# Voices\n")
    leave_secrets(folder)
    return folder


@contextmanager
def arguments_noted(app: Watched) -> Iterator[None]:
    """Look at the arguments of all of the app's processes again and again."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.1):
            app.note_arguments()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def published(app: Watched, owner: Attacker, events: dict[str, Any], **order: Any) -> dict[str, Any]:
    """Publish by the named endpoint and wait for it; what was answered is kept."""
    info = json.loads(owner.ask("GET", "/gradio_api/info").body)["named_endpoints"]["/publish"]["parameters"]
    values = [order.get(one["parameter_name"], one.get("parameter_default")) for one in info]
    with arguments_noted(app):
        ended = owner.trigger(events["publish"], values, order["repo_id"].replace("/", "-"))
    app.said.append(json.dumps(ended).encode())
    TRIED["secret"] += 1
    return ended


def sent(hub: LocalHub) -> Iterator[tuple[str, bytes]]:
    """Give every file of every commit that the Hub was sent."""
    for name, repository in hub.repositories.items():
        for files in repository.commits.values():
            yield from ((f"{name}/{path}", content) for path, content in files.items())


def test_no_secret_is_in_what_is_published_nor_left_behind(
    watched: Watched, watched_hub: LocalHub, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    watched_hub.add("tester/model", adapter)
    rows = dataset_with_secrets_beside(tmp_path / "voices")
    leaky = dataset_with_secrets_beside(tmp_path / "leaky")
    write_jsonl(leaky / "train.jsonl", [*sft_rows(), {"prompt": "My key?", "output": LEFT_LYING}])
    owner = Attacker(watched.url, {"Authorization": f"Bearer {watched.token}"})
    events = events_of(owner.config())
    data = published(watched, owner, events, what="dataset", source=str(rows), repo_id="tester/voices")
    space = published(watched, owner, events, what="space", source="tester/model", repo_id="tester/space")
    refused = published(watched, owner, events, what="dataset", source=str(leaky), repo_id="tester/leaky")
    watched.said.append(owner.ask("GET", "/config").body)
    assert (data["success"], space["success"], refused["success"]) == (True, True, False)
    assert "looks like" in refused["output"]["error"]
    assert any(b"publish_worker" in one for one in watched.arguments)
    assert {"datasets/tester/voices", "spaces/tester/space"} <= watched_hub.repositories.keys()
    assert "datasets/tester/leaky" not in watched_hub.repositories
    assert len(list(sent(watched_hub))) > 100
    assert [path for path, content in sent(watched_hub) if holds_a_secret(content, watched)] == []
    assert sentinels(watched) == []


@pytest.mark.proof
def test_no_secret_is_in_a_model_that_is_published(watched: Watched, watched_hub: LocalHub, tmp_path: Path) -> None:
    watched_hub.add(BASE, tiny_llama(tmp_path / "base"))
    adapter = finished_run(Home.at(watched.folder / "home"), tmp_path / "base") / "adapter"
    leave_secrets(adapter)
    owner = Attacker(watched.url, {"Authorization": f"Bearer {watched.token}"})
    ended = published(watched, owner, events_of(owner.config()), what="model", source="mine", repo_id="tester/mine")
    assert ended["success"], ended
    went = {name: content for name, content in sent(watched_hub) if name.startswith("tester/mine/")}
    assert {"tester/mine/adapter_model.safetensors", "tester/mine/README.md"} <= went.keys()
    assert "It printed:" in went["tester/mine/README.md"].decode()
    assert [name for name, content in went.items() if holds_a_secret(content, watched)] == []
    shutil.rmtree(adapter)
    assert sentinels(watched) == []
