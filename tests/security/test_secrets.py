"""Sentinels in the place of every secret, and a search for them wherever a secret may not be: the count is 0."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from data_gen.chat import Sampling
from janus_space.ui.form import ColumnForm, Form
from tests.augment_command import write_instructions
from tests.endpoint import Endpoint, endpoint, fails, says
from tests.security.attacker import TRIED, Attacker, events_of, values_of
from tests.security.watched import HOUSE_KEY, LENT_KEY, Watched, sentinels, watched_app

pytestmark = pytest.mark.xdist_group("security")

HUB_TOKEN = "hf_SENTINELofthehub"


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


def refuses_and_quotes() -> Any:
    message = f"Incorrect API key provided: {LENT_KEY}. You can find yours at our site."
    return fails(401, message, code="invalid_api_key")


def test_no_secret_is_on_disk_in_a_log_an_argument_or_what_the_page_can_read(watched: Watched) -> None:
    """Once more after the app has ended: there the fixture looks."""
    with endpoint(says("Because.")) as good, endpoint(refuses_and_quotes()) as quoting:
        use_everything(watched, good, quoting)
        TRIED["secret"] += len(watched.said)
        assert any(asked.headers.get("authorization") == f"Bearer {LENT_KEY}" for asked in good.asked)
        assert sentinels(watched) == []


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
            assert sentinels(app) == []
