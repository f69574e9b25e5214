from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from janus_space.job import Job
from janus_space.ui.train_runs_wording import runs_compared


def run(folder: Path, name: str, margins: tuple[float, ...] = (), **request: Any) -> Job:
    (folder / name).mkdir()
    asked = {"method": "sft", "model": "embedded:smollm2", "dataset": "x", "learning_rate": 1e-4, **request}
    told: list[dict[str, Any]] = [{"event": "started", "max_steps": 4}]
    told += [{"event": "step", "step": step, "loss": 4 / step} for step in range(1, 5)]
    told += [{"event": "steerability", "step": step, "margin": [m, 0, 1]} for step, m in enumerate(margins)]
    (folder / name / "request.json").write_text(json.dumps(asked))
    (folder / name / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in told))
    return Job("train", name, folder / name)


def test_curves_lie_over_each_other_and_only_differences_are_listed(tmp_path: Path) -> None:
    first = run(tmp_path, "a<b>", (0.1, 0.4), learning_rate=2e-4, packing=True)
    second = run(tmp_path, "plain", (0.1, 0.2), packing=None)
    html = runs_compared([first, second])
    assert re.findall(r"<g class='(run-.)'>", html) == ["run-a", "run-b"] * 2
    assert "a&lt;b&gt;" in html
    assert "a<b>" not in html
    rows = re.findall(r"<th scope='row'>(\w+)</th><td>([^<]*)</td><td>([^<]*)</td>", html)
    assert rows == [("learning_rate", "0.0002", "0.0001"), ("packing", "on", "—")]


def test_losses_of_different_methods_are_not_to_be_compared(tmp_path: Path) -> None:
    html = runs_compared([run(tmp_path, "a"), run(tmp_path, "b", method="dpo")])
    assert "Losses of different methods (dpo, sft) measure different things" in html


def test_one_run_alone_is_nothing_to_compare_and_equal_ones_say_so(tmp_path: Path) -> None:
    first = run(tmp_path, "a")
    assert runs_compared([]) == ""
    assert "Choose two runs or more" in runs_compared([first])
    assert "the same in every knob" in runs_compared([first, run(tmp_path, "b")])
