"""Publishing on a hosted Space by the token that the owner's sign-in lends: to the Hub, and to nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.hub import TOKEN, LocalHub
from tests.running_app import running_app
from tests.security.attacker import TRIED, Attacker, events_of, values_of
from tests.security.conftest import SPACE, SPACE_HOST, session_cookie
from tests.trainer.sample_rows import sft_rows, write_jsonl

pytestmark = pytest.mark.timeout(300)


class Lending(NamedTuple):
    """A Space whose sign-in asks for a token that can publish, its folder, and the Hub that it publishes to."""

    url: str
    home: Path
    hub: LocalHub


@pytest.fixture(scope="module")
def lending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    home = tmp_path_factory.mktemp("lending")
    rows = home / "datasets" / "voices"
    rows.mkdir(parents=True)
    write_jsonl(rows / "train.jsonl", sft_rows())
    with LocalHub() as hub:
        theirs = hub.environment(tmp_path_factory.mktemp("hf"), token="hf_of_the_house")
        environment = {name: value for name, value in theirs.items() if name.startswith("HF_")} | SPACE
        environment |= {"SPACE_ID": "tester/janus", "OAUTH_SCOPES": "openid profile contribute-repos"}
        environment |= {"OPENID_PROVIDER_URL": hub.url, "HF_HUB_OFFLINE": "0"}
        with running_app(home, "--host", "127.0.0.1", environment=environment) as app:
            yield Lending(app.url, home, hub)


def looked_at(lending: Lending, cookie: str, name: str) -> dict[str, Any]:
    """Trigger “Look at it first” for a dataset."""
    somebody = Attacker(lending.url, {"Cookie": cookie}, SPACE_HOST)
    config = somebody.config()
    event = events_of(config)["publish_look"]
    fields = {c["id"]: c["props"].get("elem_id") for c in config["components"]}
    filled = {"publish-what": "dataset", "publish-source": "voices", "publish-repo": f"tester/{name}"}
    values = values_of(config, event, "")
    asked = [filled.get(str(fields[place]), value) for place, value in zip(event["inputs"], values, strict=True)]
    return somebody.trigger(event, asked, name)


def test_the_owner_publishes_by_their_sign_in_which_is_written_nowhere(lending: Lending) -> None:
    owner = session_cookie("tester", access_token=TOKEN)
    started = looked_at(lending, owner, "voices")
    assert started["success"] is True, started
    folder = lending.home / "jobs" / "publish" / "dataset-tester-voices"
    until = time.monotonic() + 120
    while not (folder / "exit.json").exists() and time.monotonic() < until:
        time.sleep(0.2)
    # The Hub of the tests knows no other token, that of the house least of all.
    assert "You are tester and may write to tester/voices." in (folder / "log.txt").read_text("utf-8")
    written = b"".join(path.read_bytes() for path in lending.home.rglob("*") if path.is_file())
    assert TOKEN.encode() not in written
    assert TOKEN not in str(started)


def test_a_visitors_sign_in_publishes_nothing(lending: Lending) -> None:
    before = list(lending.hub.requests)
    cookies = (
        session_cookie("somebody", access_token=TOKEN),
        session_cookie("tester", secret="", access_token=TOKEN),
        session_cookie("tester", seconds=-1, access_token=TOKEN),
    )
    for number, cookie in enumerate(cookies):
        TRIED["lent token"] += 1
        assert "not allowed" in looked_at(lending, cookie, f"stolen-{number}")["output"]["error"]
    assert lending.hub.requests == before
    assert not list((lending.home / "jobs" / "publish").glob("*stolen*"))
