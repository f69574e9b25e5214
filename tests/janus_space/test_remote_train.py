"""Training on rented machines: the real client against the tests' own Hub, whose machines are real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from janus_space.home import Home
from janus_space.job import Job, read_json
from janus_space.jobs import Jobs
from janus_space.remote_follow import _merged
from janus_space.retry import retry
from janus_space.training import model_of
from tests.hub import TOKEN, LocalHub
from tests.janus_space.job_doubles import ended, wait_until
from tests.rented_machines import RentedMachines, rented_machines
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import dataset_folder

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(400)

Janus = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("remote")
    return {"model": tiny_llama(folder / "llama"), "dataset": dataset_folder(folder / "rows")}


@pytest.fixture
def rented(tmp_path: Path, tiny: dict[str, Path]) -> Iterator[tuple[LocalHub, RentedMachines]]:
    with rented_machines(tmp_path) as (hub, machines):
        hub.add("me/tiny", tiny["model"])
        yield hub, machines


@pytest.fixture
def janus(rented: tuple[LocalHub, RentedMachines], tmp_path: Path) -> Janus:
    def janus(*arguments: object, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "janus_space", *map(str, arguments)],
            cwd=ROOT,
            env=rented[0].environment(tmp_path / "hf", TOKEN),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return janus


def written(folder: Path, tiny: dict[str, Path], **values: Any) -> Path:
    given = {
        "method": "sft",
        "model": "hf:me/tiny",
        "dataset": str(tiny["dataset"]),
        "max_steps": 4,
        "learning_rate": 0.01,
        "roundtrip_prompts": 2,
        "steerability_steps": 0,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(given | values), "utf-8")
    return path


def steps(folder: Path) -> list[int]:
    return [event["step"] for event in Job("train", folder.name, folder).events() if event["event"] == "step"]


def text_of(folder: Path) -> str:
    """Return all that is written below a folder."""
    return "\n".join(file.read_bytes().decode("utf-8", "replace") for file in folder.rglob("*") if file.is_file())


def test_nothing_is_rented_before_somebody_agrees_to_the_price(
    janus: Janus, rented: tuple[LocalHub, RentedMachines], tmp_path: Path, tiny: dict[str, Path]
) -> None:
    _, machines = rented
    config = written(tmp_path, tiny)
    out = tmp_path / "out"
    told = janus("train", config, "--remote", "l40sx4", "--hours", 3, "--out", out)
    assert told.returncode == 2
    assert "l40sx4 (4 × L40S, 192 GB) costs 8.30 USD an hour" in told.stderr
    assert "ended after 3 hours, so it costs 24.90 USD at most" in told.stderr
    assert "Add --yes to agree to that; nothing was started." in told.stderr
    refused = {
        "h900": "The Hub rents out no machine 'h900'; it has cpu-basic (0.01 USD an hour), l4x1 (0.80 USD an hour)",
        "l4x1": "How long it takes cannot be told before it runs (the model's size): say it with --hours",
    }
    for flavor, sentence in refused.items():
        told = janus("train", config, "--remote", flavor, "--yes", "--out", out)
        assert told.returncode == 2
        assert sentence in told.stderr
    mine, theirs = os.openpty()  # at a terminal, it asks
    os.write(mine, b"n\n")
    told = janus("train", config, "--remote", "l40sx4", "--hours", 3, "--out", out, stdin=theirs)
    assert told.returncode == 2
    assert "24.90 USD at most" in told.stderr.partition("Start it? [y/N]")[0]
    assert not machines.machines
    assert not out.exists()


def test_a_rented_machine_trains_and_hands_back(
    janus: Janus, rented: tuple[LocalHub, RentedMachines], tmp_path: Path, janus_home: Path, tiny: dict[str, Path]
) -> None:
    """All followers are killed in the middle; resuming attaches to the machine that is paid for."""
    hub, machines = rented
    out = tmp_path / "out"
    config = written(tmp_path, tiny)
    asked = ["train", config, "--remote", "cpu-basic", "--hours", 1, "--out", out]
    begun = janus(*asked, "--yes", "--detach", "--json")
    assert begun.returncode == 0, begun.stderr
    (job,) = Jobs(Home.at(janus_home)).list()
    wait_until(lambda: "log: " in str([one.lines for one in machines.machines.values()]), 120)
    assert job.work is not None
    for mark in (job.work.supervisor, job.work.worker):
        assert mark is not None
        os.kill(mark.pid, signal.SIGKILL)
    wait_until(lambda: job.status == "lost")
    machines.silences += [503, 500]
    hub.trouble.append("refused")  # the first time that something is handed back
    done = janus("resume", "out", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["status"] == "finished"
    again = janus(*asked, "--json")  # no price is named again, for nothing is rented
    assert json.loads(again.stdout)[0]["status"] == "finished", again.stderr
    assert len(machines.machines) == 1
    assert steps(out) == [1, 2, 3, 4]
    assert (out / "adapter" / "adapter_model.safetensors").exists()
    assert (read_json(out / "roundtrip.json") or {})["is_same"]
    assert (read_json(out / "request.json") or {})["dataset"] == str(tiny["dataset"])
    assert "36 rows to train on" in "\n".join(job.log())
    assert str(model_of(job)) == f"hf:me/tiny+{out / 'adapter'}"
    _what_was_sent(hub, machines)
    assert TOKEN not in text_of(out) + text_of(janus_home) + done.stderr + begun.stderr


def _what_was_sent(hub: LocalHub, machines: RentedMachines) -> None:
    repository = hub.repositories["datasets/tester/janus-jobs"]
    assert repository.is_private
    files = repository.commits[repository.refs["main"]]
    assert not any(TOKEN.encode() in content for content in files.values())
    assert not any("/checkpoints/" in name for name in files)
    (machine,) = machines.machines.values()
    spec = machine.spec
    assert (spec["flavor"], spec["timeoutSeconds"], spec["secrets"]) == ("cpu-basic", 3600, {"HF_TOKEN": TOKEN})
    assert TOKEN not in json.dumps({name: value for name, value in spec.items() if name != "secrets"})
    assert any(part.startswith("torch==") and "+" not in part for part in spec["command"])


@pytest.mark.proof
def test_a_stopped_run_goes_on_on_another_machine(
    janus: Janus, rented: tuple[LocalHub, RentedMachines], tmp_path: Path, janus_home: Path, tiny: dict[str, Path]
) -> None:
    """Stopped by a wish, then killed: the second machine begins where the first one has handed back."""
    _, machines = rented
    out = tmp_path / "out"
    config = written(tmp_path, tiny, max_steps=3000, lora_dropout=0.1, save_steps=1000)
    asked = ["train", config, "--remote", "cpu-basic", "--yes", "--out", out]
    assert janus(*asked, "--hours", 1, "--detach").returncode == 0
    (job,) = Jobs(Home.at(janus_home)).list()
    wait_until(lambda: len(steps(out)) > 5, 120)
    assert janus("stop", "out").returncode == 0
    assert ended(job).status == "stopped"
    assert "another machine" in str((job.end or {}).get("reason"))
    first = len(steps(out))
    assert 5 < first < 3000
    refused = janus("train", config, "--remote", "cpu-basic", "--hours", 1, "--out", out)
    assert refused.returncode == 2
    assert "USD at most" in refused.stderr

    assert janus(*asked, "--hours", 1, "--detach").returncode == 0
    wait_until(lambda: len(steps(out)) > first, 120)
    Jobs(Home.at(janus_home)).kill(job)
    assert ended(job).status == "stopped"
    assert [one.stage for one in machines.machines.values()] == ["COMPLETED", "CANCELED"]
    assert steps(out) == list(range(1, len(steps(out)) + 1))


@pytest.mark.proof
def test_one_without_memory_goes_on_in_smaller_pieces_on_another_machine(
    janus: Janus,
    rented: tuple[LocalHub, RentedMachines],
    tmp_path: Path,
    janus_home: Path,
    tiny: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Told to have run out of memory where it was stopped: the second run begins with the first one's checkpoint."""
    hub, machines = rented
    config = written(tmp_path, tiny, max_steps=400, per_device_train_batch_size=4, save_steps=1000)
    assert janus("train", config, "--remote", "cpu-basic", "--yes", "--hours", 1, "--detach").returncode == 0
    jobs = Jobs(Home.at(janus_home))
    (first,) = jobs.list()
    wait_until(lambda: len(steps(first.folder)) > 5, 120)
    assert janus("stop", first.name).returncode == 0
    assert ended(first).status == "stopped"
    done = len(steps(first.folder))
    assert done < 400, "the machine was too fast to be stopped"
    half = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    no_memory = {"state": "failed", "kind": "OutOfMemory", "reason": "Too small.", "cure": half}
    (first.folder / "exit.json").write_text(json.dumps(no_memory))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for name, value in {**hub.environment(tmp_path / "hf", TOKEN), "HF_HUB_OFFLINE": "0"}.items():
        monkeypatch.setenv(name, value)
    second = ended(retry(jobs, first, accepts_price=True), 300)
    assert second.status == "finished", second.log()
    assert f"Going on from step {done}" in "\n".join(second.log(100))
    assert steps(second.folder) == list(range(1, 401))
    assert {name: second.request[name] for name in half} == half
    assert (second.folder / "adapter" / "adapter_model.safetensors").exists()
    assert len(machines.machines) == 2


@pytest.mark.parametrize(("status", "says"), [(402, "no credit"), (403, "set HF_TOKEN")])
def test_what_the_hub_refuses_ends_the_job_with_a_sentence(
    janus: Janus,
    rented: tuple[LocalHub, RentedMachines],
    tmp_path: Path,
    tiny: dict[str, Path],
    status: int,
    says: str,
) -> None:
    _, machines = rented
    machines.refusals.append(status)
    asked = ["train", written(tmp_path, tiny), "--remote", "cpu-basic", "--hours", 1, "--yes", "--json"]
    told = json.loads(janus(*asked, "--out", tmp_path / "out").stdout)[0]
    assert told["status"] == "failed"
    assert says in told["error"]
    assert not machines.machines


def test_events_of_both_sides_are_told_once_and_in_order() -> None:
    def line(when: float, kind: str, **facts: Any) -> str:
        return json.dumps({"time": when, "event": kind, **facts})

    theirs = [line(1, "started", step=0), line(2, "step", step=1, loss=3.0), line(4, "step", step=2, loss=2.0)]
    ours = [line(0.5, "remote", stage="RUNNING"), theirs[1], '{"torn', line(3, "machine", cpu_percent=4)]
    again = line(5, "step", step=2, loss=2.0)  # by a second machine, from the checkpoint before
    merged = [json.loads(one) for one in _merged([*theirs, again, *ours])]
    assert [(one["event"], one.get("step")) for one in merged] == [
        ("remote", None),
        ("started", 0),
        ("step", 1),
        ("machine", None),
        ("step", 2),
    ]
