"""All attacks in one process, long forms included, and counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_app import ROOT


@pytest.mark.proof
def test_three_hundred_attacks_and_none_gets_through(tmp_path: Path) -> None:
    """The count is what the tests themselves noted at each attack; a defeat is a failed test."""
    counts_file = tmp_path / "attacks.json"
    explained = "tests/browser/test_explain.py::test_no_text_of_an_explained_message_becomes_a_script"
    suites = ["tests/security", "tests/browser/test_scripts_in_texts.py", explained]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "not gpu",
        "-k",
        "not three_hundred",
    ]
    run = subprocess.run(
        [*command, "--timeout=900", *suites],
        cwd=ROOT,
        env=os.environ | {"JANUS_ATTACKS_FILE": str(counts_file)},
        capture_output=True,
        text=True,
        timeout=3600,
    )
    counts: dict[str, int] = json.loads(counts_file.read_text("utf-8"))
    sys.stdout.write(f"{run.stdout[-2000:]}\n{json.dumps(counts, indent=1)}\n{sum(counts.values())} attacks\n")
    assert run.returncode == 0, run.stdout[-4000:]
    assert sum(counts.values()) >= 300
