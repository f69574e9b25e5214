"""Sentinels in the place of every secret, and a search for them wherever a secret may not be: the count is 0."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from data_gen.chat import Sampling
from janus_space.ui.form import ColumnForm, Form
from tests.augment_command import write_instructions
from tests.endpoint import Endpoint, endpoint, fails, says
from tests.running_app import ROOT
from tests.security.attacker import TRIED, Attacker, events_of, values_of

HOUSE_KEY, HUB_TOKEN, LENT_KEY = "sk-SENTINEL-of-the-house", "hf_SENTINELofthehub", "sk-SENTINEL-that-was-lent"
SENTINEL = b"SENTINEL"


class Watched:
    """An app that holds secrets, what it wrote and said, and what its processes are called."""

    def __init__(self, folder: Path, url: str, token: str, process: psutil.Process) -> None:
        self.folder, self.url, self.token, self.process = folder, url, token, process
        self.said: list[bytes] = []
        self.arguments: set[bytes] = set()

    def note_arguments(self) -> None:
        for one in (self.process, *self.process.children(recursive=True)):
            try:
                self.arguments.add("\0".join(one.cmdline()).encode())
            except psutil.Error:
                continue

    def places(self) -> Iterator[tuple[str, bytes]]:
        """Give every place where a secret may not be, but the one line that tells the launch token."""
        for path in self.folder.rglob("*"):
            if path.is_file():
                yield (
                    str(path.relative_to(self.folder)),
                    path.read_bytes().replace(f"?token={self.token}".encode(), b""),
                )
        yield from (("said", text) for text in self.said)
        yield from (("arguments", text) for text in self.arguments)


@contextmanager
def watched_app(folder: Path, **environment: str) -> Iterator[Watched]:
    """Start the app with its output, its temporary files and its home in one folder."""
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    command = [
        sys.executable,
        "app.py",
        "--port",
        "0",
        "--home",
        str(folder / "home"),
        "--model",
        "echo:",
        "--launch-token",
    ]
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment | {"TMPDIR": str(folder / "tmp")},
            stdout=output,
            stderr=output,
        )
        try:
            deadline = time.monotonic() + 120
            while not (found := re.search(r"(http://\S+)/\?token=(\S+)", (folder / "output.txt").read_text())):
                assert process.poll() is None, (folder / "output.txt").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield Watched(folder, found[1], found[2], psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(15)


def lend_key(owner: Attacker, config: dict[str, Any], address: str, session: str) -> dict[str, Any]:
    event = events_of(config)["keep_key"]
    data = values_of(config, event)
    labels = [
        next(one for one in config["components"] if one["id"] == place)["props"].get("label")
        for place in event["inputs"]
    ]
    data[labels.index("API key")], data[labels.index("Endpoint")] = LENT_KEY, address
    return owner.trigger(event, data, session)


def run(owner: Attacker, config: dict[str, Any], spec: str, session: str) -> dict[str, Any]:
    form = Form(
        prompt="Why?",
        axis="models",
        system="Be brief.",
        columns=(ColumnForm(model=spec),) * 4,
        sampling=Sampling(max_new_tokens=9),
    )
    return owner.trigger(events_of(config)["run"], [None, "", None, False, -1, *form.values()], session)


def use_everything(app: Watched, good: Endpoint, quoting: Endpoint) -> None:
    """Lend a key, ask with it, have it quoted by an endpoint that refuses it, crash an event, and look everywhere."""
    owner = Attacker(app.url, {"Authorization": f"Bearer {app.token}"})
    config = owner.config()
    for served in (good, quoting):
        app.said.append(json.dumps(lend_key(owner, config, served.url, "owner-page")).encode())
        app.said.append(json.dumps(run(owner, config, f"openai:m@{served.url}", "owner-page")).encode())
    for name in ("keep_key", "run", "compare", "save_draft"):
        event = events_of(config).get(name)
        if event is not None:
            app.said.append(
                json.dumps(
                    owner.trigger(event, [{"no": LENT_KEY[:2]}] * len(event["inputs"]), f"crash-{name}")
                ).encode()
            )
    for path in ("/config", "/gradio_api/info", "/"):
        app.said.append(owner.ask("GET", path).body)
    visitor = Attacker(app.url)
    app.said.append(visitor.ask("GET", "/config").body)
    app.note_arguments()


def sentinels(app: Watched, token: str) -> list[str]:
    return [place for place, text in app.places() if SENTINEL in text or token.encode() in text]


def refuses_and_quotes() -> Any:
    message = f"Incorrect API key provided: {LENT_KEY}. You can find yours at our site."
    return fails(401, message, code="invalid_api_key")


def test_no_secret_is_on_disk_in_a_log_an_argument_or_what_the_page_can_read(tmp_path: Path) -> None:
    with endpoint(says("Because.")) as good, endpoint(refuses_and_quotes()) as quoting:
        environment = {
            "OPENAI_API_KEY": HOUSE_KEY,
            "HF_TOKEN": HUB_TOKEN,
            "OPENAI_BASE_URL": "https://elsewhere.example/v1",
        }
        with watched_app(tmp_path, **environment) as app:
            use_everything(app, good, quoting)
            TRIED["secret"] += len(app.said)
            assert any(asked.headers.get("authorization") == f"Bearer {LENT_KEY}" for asked in good.asked)
            assert sentinels(app, app.token) == []
        assert sentinels(app, app.token) == []  # and after it has ended


@pytest.mark.proof
def test_no_secret_stays_behind_a_whole_job(tmp_path: Path) -> None:
    """Grow a collection with the house's key in a worker of its own."""
    instructions = write_instructions(tmp_path.parent / f"{tmp_path.name}-instructions.jsonl", 12)
    with endpoint(says("It is even.", seconds_before=0.05)) as teacher:
        environment = {"OPENAI_API_KEY": HOUSE_KEY, "HF_TOKEN": HUB_TOKEN, "OPENAI_BASE_URL": teacher.url}
        with watched_app(tmp_path, **environment) as app:
            owner = Attacker(app.url, {"Authorization": f"Bearer {app.token}"})
            config = owner.config()
            events, parameters = events_of(config), None
            info = json.loads(owner.ask("GET", "/gradio_api/info").body)["named_endpoints"]["/augment"]["parameters"]
            given = {"instructions": str(instructions), "teacher": [f"openai:m@{teacher.url}"], "detach": True}
            parameters = [given.get(one["parameter_name"], one.get("parameter_default")) for one in info]
            begun = owner.trigger(events["augment"], parameters, "grow")
            assert begun["success"] is True, begun
            jobs: list[dict[str, Any]] = []
            for _ in range(600):
                app.note_arguments()
                jobs = owner.trigger(events["jobs"], [None], f"look{time.monotonic_ns()}")["output"]["data"][0]
                if jobs and jobs[0]["status"] in ("finished", "failed", "lost", "stopped"):
                    break
                time.sleep(0.2)
            app.said.append(json.dumps(jobs).encode())
            TRIED["secret"] += 1
            assert teacher.asked
            assert teacher.asked[0].headers["authorization"] == f"Bearer {HOUSE_KEY}"
            assert sentinels(app, app.token) == []
