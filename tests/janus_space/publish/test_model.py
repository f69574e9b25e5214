"""A trained model published by the verb, in real processes: its folder loads elsewhere, and its card's code has run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from gradio_client import Client

from janus_space.job import Job
from janus_space.publish.sources import front_matter
from tests.hub import TOKEN, LocalHub
from tests.janus_space.job_doubles import wait_until
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import dataset_folder

ROOT = Path(__file__).parents[3]
BASE = "tester/tiny-base"

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1800)]


class House(NamedTuple):
    """A house whose Hub is the tests' own, and whose base is there."""

    hub: LocalHub
    folder: Path
    base_commit: str

    def janus(self, *arguments: object, token: str | None = TOKEN) -> subprocess.CompletedProcess[str]:
        environment = self.hub.environment(self.folder / "hf", token)
        return subprocess.run(
            [sys.executable, "-m", "janus_space", *map(str, arguments)],
            cwd=ROOT,
            env=environment | {"JANUS_HOME": str(self.folder / "home"), "HF_HUB_OFFLINE": "0"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=900,
        )

    def row(self, *arguments: object) -> dict[str, Any]:
        done = self.janus(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        (found,) = json.loads(done.stdout)
        return found

    def config(self, name: str, **values: Any) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"method": "sft", "device": "cpu", "model": f"hf:{BASE}", **values}), "utf-8")
        return path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with LocalHub() as hub:
        commit = hub.add(BASE, tiny_llama(folder / "base"))
        dataset_folder(folder / "voices")
        yield House(hub, folder, commit)


@pytest.fixture(scope="module")
def run(house: House) -> str:
    """Train an adapter for a few steps; return the job's name."""
    values = {
        "dataset": str(house.folder / "voices"),
        "max_steps": 4,
        "learning_rate": 0.01,
        "roundtrip_prompts": 3,
        "max_length": 256,
    }
    end = house.row("train", house.config("short", **values), "--out", house.folder / "short")
    assert end["status"] == "finished"
    return "short"


def there(hub: LocalHub, name: str) -> dict[str, bytes]:
    repository = hub.repositories[name]
    return dict(repository.commits[repository.refs["main"]])


def test_an_adapter_with_its_card_loads_in_a_clean_place_and_answers(house: House, run: str, tmp_path: Path) -> None:
    asked = ("publish", "model", run, "tester/voices")
    dry = house.row(*asked, "--dry-run")
    assert dry["state"] == "estimated"
    assert "tester/voices" not in house.hub.repositories
    end = house.row(*asked)
    assert (end["status"], end["job"]) == ("finished", dry["job"])
    assert end["readback"]["is_same"]
    assert end["roundtrip"]["is_same"]
    files = there(house.hub, "tester/voices")
    assert files.keys() >= {"README.md", "adapter_config.json", "adapter_model.safetensors", "tokenizer.json"}
    assert {file["path"] for file in dry["files"]} == files.keys() - {".gitattributes"}
    told = json.loads(files["adapter_config.json"])
    assert (told["base_model_name_or_path"], told["revision"]) == (BASE, house.base_commit)
    assert str(house.folder).encode() not in b"".join(files.values())
    card = files["README.md"].decode()
    front = front_matter(card)
    assert (front["base_model"], front["library_name"], front["license"]) == (BASE, "peft", "other")
    assert front["model-index"][0]["results"][0]["metrics"][0]["type"] == "steerability_margin"
    printed = answered(house, card, tmp_path)
    assert f"```text\n{printed}\n```" in card
    assert not [path for path in house.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_merged_weights_stand_alone(house: House, run: str, tmp_path: Path) -> None:
    end = house.row("publish", "model", run, "tester/whole", "--merged", "--license", "mit", "--private")
    assert end["roundtrip"]["is_same"]
    files = there(house.hub, "tester/whole")
    assert files.keys() >= {"README.md", "config.json", "model.safetensors", "tokenizer.json"}
    assert house.hub.repositories["tester/whole"].is_private
    card = files["README.md"].decode()
    assert (front_matter(card)["license"], front_matter(card)["library_name"]) == ("mit", "transformers")
    assert "BASE" not in card
    house.hub.repositories["tester/whole"].is_private = False
    assert f"```text\n{answered(house, card, tmp_path)}\n```" in card


def test_finetune_and_publish_survives_being_killed_and_ends_on_the_hub(house: House) -> None:
    config = house.config(
        "long",
        dataset=str(house.folder / "voices"),
        max_steps=30,
        save_steps=5,
        learning_rate=0.01,
        roundtrip_prompts=3,
        max_length=256,
    )
    asked = ("finetune-and-publish", config, "tester/chained")
    begun = house.row(*asked, "--detach")
    job = Job("publish", begun["job"].partition("/")[2], Path(begun["folder"]))
    wait_until(lambda: any(event.get("what") == "steps" for event in job.events()), 900)
    trained = Job("train", job.name, house.folder / "home/jobs/train" / job.name)
    for one in (job, trained):  # as when the machine goes down: conductor, run and both supervisors
        work = one.work
        assert work is not None
        for mark in (work.supervisor, work.worker):
            assert mark is not None
            os.kill(mark.pid, signal.SIGKILL)
    wait_until(lambda: not job.is_live and not trained.is_live)
    assert job.status == "lost"
    assert "tester/chained" not in house.hub.repositories
    end = house.row(*asked)
    assert (end["status"], end["job"]) == ("finished", begun["job"])
    assert end["readback"]["is_same"]
    assert end["roundtrip"]["is_same"]
    before, after = (one["margin"] for one in end["steer"])
    assert after > before
    stages = [event["name"] for event in job.events() if event.get("event") == "stage"]
    assert stages[:3] == ["validate", "estimate", "train"]
    assert stages.count("validate") == 1
    assert stages[-4:] == ["pack", "send", "readback", "prove"]
    card = there(house.hub, "tester/chained")["README.md"].decode()
    assert f"| this model | 36 | {after:.3f} (" in card
    trained_steps = [event["step"] for event in trained.events() if event.get("event") == "step"]
    assert sorted(set(trained_steps)) == list(range(1, 31))


def test_a_space_of_ones_own_opens_and_its_model_answers(house: House, run: str, tmp_path: Path) -> None:
    house.row("publish", "model", run, "tester/for-space")
    house.row("publish", "space", "tester/for-space", "tester/my-space")
    for path, content in there(house.hub, "spaces/tester/my-space").items():
        (tmp_path / "space" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "space" / path).write_bytes(content)
    environment = house.hub.environment(tmp_path / "hf") | {"HF_HUB_OFFLINE": "0", "JANUS_HOME": str(tmp_path / "home")}
    environment.pop("PYTHONPATH", None)
    opens = "import app; from janus_space.ui.launch import Wishes, launch; launch(Wishes(port=0, model=app.MODEL))"
    process = subprocess.Popen(
        [sys.executable, "-c", opens], cwd=tmp_path / "space", env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = re.search(r"is open at (http://\S+)", process.stdout.readline())
        assert said is not None
        spec = f"hf:{BASE}@{house.base_commit}+tester/for-space"
        (row,) = Client(said[1], verbose=False).predict(
            model=[spec], system=["Answer like a pirate."], prompt="Why?", max_new_tokens=8, api_name="/compare"
        )
        assert (row["model"], row["tokens"]) == (spec, 8)
    finally:
        process.terminate()
        process.wait(30)


def answered(house: House, card: str, tmp_path: Path) -> str:
    """Run the card's code, as it stands there, with nothing of this project in reach."""
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    script = tmp_path / "snippet.py"
    script.write_text(code, "utf-8")
    environment = house.hub.environment(tmp_path / "clean") | {"HF_HUB_OFFLINE": "0"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-I", str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
