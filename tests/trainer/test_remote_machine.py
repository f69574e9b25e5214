"""What runs on a rented machine, as it runs there: a process with a folder, a token and the Hub."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import trainer
from tests.hub import TOKEN, LocalHub
from trainer.manifest import damaged_file

MACHINE = ["--repository", "tester/jobs", "--name", "run", "--attempt", "2", "--look-every", "0.5"]


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_before_the_time_is_over_it_saves_and_hands_back(
    tiny: dict[str, Path], collection: Path, tmp_path: Path
) -> None:
    """Copies of checkpoints on the way, the newest one at the end, and last of all how it ended."""
    folder = tmp_path / "run"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "trainer").symlink_to(Path(trainer.__file__).parent)
    values: dict[str, Any] = {
        "method": "sft",
        "model": f"path:{tiny['llama']}",
        "dataset": str(collection),
        "max_steps": 100_000,
        "save_steps": 20,
        "steerability_steps": 0,
        "device": "cpu",
    }
    (folder / "in" / "config.yaml").write_text("".join(f"{name}: {json.dumps(one)}\n" for name, one in values.items()))
    with LocalHub() as hub:
        hub.add("datasets/tester/jobs", collection)
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "trainer.remote_machine",
                *MACHINE,
                "--folder",
                str(folder),
                *("--seconds", "60"),
                *("--copy-every", "5"),
            ],
            env=hub.environment(tmp_path / "hf", TOKEN),
            capture_output=True,
            text=True,
            timeout=200,
        )
        repository = hub.repositories["datasets/tester/jobs"]
        commits = list(repository.commits.values())
    assert done.returncode == 0, done.stderr[-2000:]
    end = json.loads(commits[-1]["run/end-2.json"])
    assert (end["state"], end["reason"]) == ("stopped", "The time that was paid for is nearly over.")
    kept = [{name.split("/")[3] for name in files if "/checkpoints/" in name} for files in commits]
    assert kept[-1] == kept[-2] == {f"checkpoint-{end['steps']}"}
    assert any(one and one != kept[-1] for one in kept), "no copy was made on the way"
    assert all(len(one) <= 1 for one in kept)
    assert damaged_file(_written(commits[-1], tmp_path / "fetched", "run/out/checkpoints/")) is None
    told = [json.loads(line.removeprefix("event: ")) for line in done.stdout.splitlines() if line.startswith("event: ")]
    assert [event["step"] for event in told if event["event"] == "step"] == list(range(1, end["steps"] + 1))
    assert f"Stopped: {folder / 'out'}" in done.stdout


def _written(files: dict[str, bytes], folder: Path, prefix: str) -> Path:
    """Write the only checkpoint among files of a repository to a folder, and return its own."""
    for name, content in files.items():
        if name.startswith(prefix):
            place = folder / name.removeprefix(prefix)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    (checkpoint,) = folder.iterdir()
    return checkpoint
