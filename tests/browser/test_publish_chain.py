"""Fine-tune and publish, one click, on the embedded model: killed once, it ends on the Hub and answers there.

The long form, for `make proof`; what it measured is in tests/proof/finetune_and_publish.md.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from janus_space.job import Job
from janus_space.publish.sources import front_matter
from tests.browser.conftest import PATIENCE_MS, watch
from tests.browser.test_publish import open_tab
from tests.hub import TOKEN, LocalHub
from tests.janus_space.job_doubles import wait_until
from tests.running_app import running_app
from tests.trainer.sample_rows import write_jsonl
from trainer.embedded import SMOLLM2

pytestmark = [
    pytest.mark.browser,
    pytest.mark.proof,
    pytest.mark.real_model,
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(5400),
]

MINI = Path(__file__).parents[2] / "assets" / "multifaceted_mini" / "train.jsonl"
LONG_SECONDS = 3600.0


@pytest.fixture
def hub(embedded_models_dir: Path) -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.add(SMOLLM2.hub_id, SMOLLM2.folder(embedded_models_dir))
        yield hub


@pytest.fixture
def home(tmp_path: Path, embedded_models_dir: Path) -> Path:
    home = tmp_path / "home"
    folder = home / "datasets" / "mini"
    folder.mkdir(parents=True)
    (home / "models").symlink_to(embedded_models_dir)
    rows = [json.loads(line) for line in MINI.read_text("utf-8").splitlines()[:24]]
    short = [row | {"system": first_sentence(row["system"]), "output": row["output"][:150]} for row in rows]
    write_jsonl(folder / "train.jsonl", short)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# Mini\n")
    return home


def first_sentence(text: str) -> str:
    """Cut a message short, so that thirty steps take minutes on two cores."""
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]


@pytest.fixture
def app_url(home: Path, hub: LocalHub, tmp_path: Path) -> Iterator[str]:
    own = {name: value for name, value in hub.environment(tmp_path / "hf").items() if name.startswith("HF_")}
    with running_app(home, environment=own | {"HF_HUB_OFFLINE": "0"}) as app:
        yield app.url


def fill(page: Page) -> None:
    page.get_by_label("Token").fill(TOKEN)
    page.locator("#publish-keep-token").click()
    expect(page.locator("#publish-token-note")).to_contain_text("is set for this visit", timeout=PATIENCE_MS)
    page.locator("#publish-source input").click()
    page.get_by_role("option", name="mini").click()
    page.get_by_label("Steps").fill("30")
    page.get_by_label("Name on the Hub").fill("tester/janus-mini")


def kill_everything(job: Job, trained: Job) -> None:
    """As when the machine goes down: conductor, run, and both of their supervisors."""
    for one in (job, trained):
        work = one.work
        assert work is not None
        for mark in (work.supervisor, work.worker):
            assert mark is not None
            os.kill(mark.pid, signal.SIGKILL)
    wait_until(lambda: not job.is_live and not trained.is_live)


def test_one_click_killed_once_ends_on_the_hub_and_answers_there(
    context: BrowserContext, app_url: str, hub: LocalHub, home: Path, tmp_path: Path, picture_folder: Path
) -> None:
    began = time.monotonic()
    page = open_tab(context, app_url)
    complaints = watch(page)
    fill(page)
    page.locator("#publish-start").click()
    job = Job("publish", "model-tester-janus-mini", home / "jobs/publish/model-tester-janus-mini")
    trained = Job("train", job.name, home / "jobs/train" / job.name)

    def step() -> int:
        return max((int(event["step"]) for event in trained.events() if event.get("event") == "step"), default=0)

    wait_until(lambda: step() >= 10, LONG_SECONDS)
    page.screenshot(path=picture_folder / "chain-running.png", full_page=True)
    kill_everything(job, trained)
    killed_at = step()
    expect(page.locator("#publish-headline")).to_contain_text("Its process is gone", timeout=60_000)
    page.locator("#publish-work").get_by_role("button", name="Resume").click()
    link = page.locator("#publish-work .published a")
    expect(link).to_have_attribute("href", f"{hub.url}/tester/janus-mini", timeout=LONG_SECONDS * 1000)
    minutes = (time.monotonic() - began) / 60
    page.screenshot(path=picture_folder / "chain-finished.png", full_page=True)
    assert complaints == []
    end = job.end or {}
    assert end["readback"]["is_same"]
    assert end["roundtrip"]["is_same"]
    repository = hub.repositories["tester/janus-mini"]
    files = repository.commits[repository.refs["main"]]
    card = files["README.md"].decode()
    front = front_matter(card)
    assert (front["base_model"], front["license"]) == (SMOLLM2.hub_id, "apache-2.0")
    assert len(repository.commits) == 2  # born, published
    assert not [path for path in home.rglob("*.json*") if TOKEN.encode() in path.read_bytes()]
    began = time.monotonic()
    printed = answered(hub, card, tmp_path)
    (picture_folder / "chain-card.md").write_text(card, "utf-8")
    figures = {
        "minutes": round(minutes, 1),
        "killed_at_step": killed_at,
        "steps": sorted({event["step"] for event in trained.events() if event.get("event") == "step"})[-1],
        "margin_before_and_after": [round(one["margin"], 4) for one in end["steer"]],
        "roundtrip": end["roundtrip"],
        "readback": end["readback"],
        "clean_place_answers_the_snippet_in_s": round(time.monotonic() - began),
        "answer": printed[:200],
    }
    (picture_folder / "chain-figures.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False), "utf-8")
    assert f"```text\n{printed}\n```" in card


def answered(hub: LocalHub, card: str, tmp_path: Path) -> str:
    """Run the card's code as it stands there, where nothing is but Python's libraries and the Hub."""
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    script = tmp_path / "snippet.py"
    script.write_text(code, "utf-8")
    environment = hub.environment(tmp_path / "clean") | {"HF_HUB_OFFLINE": "0"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-I", str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
