"""A run in words, from events as the trainer writes them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from janus_space.job import Job
from janus_space.ui.train_wording import figures, found, xrays, yaml_and_command
from trainer.data import Dataset, Fault
from trainer.xray import Xray, XrayText, XrayToken


def job(folder: Path, *events: dict[str, object]) -> Job:
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return Job("train", "run", folder)


def test_a_run_shows_how_far_it_is_and_draws_what_was_measured(tmp_path: Path) -> None:
    steps = [
        {"event": "step", "step": n, "loss": 3.0 / n, "seconds": 2.0, "tokens_per_s": 1234.0, "memory_gib": 1.5}
        for n in (1, 2, 3)
    ]
    measured = {
        "event": "steerability",
        "step": 0,
        "is_held_out": True,
        "margin": [0.1, 0.0, 0.2],
        "shuffled": [0, 0, 0],
    }
    samples = {"event": "samples", "step": 0, "samples": [{"system": "<b>", "prompt": "Why?", "text": "Because."}]}
    told = figures(
        job(tmp_path, {"event": "started", "step": 0, "max_steps": 10}, measured, samples, *steps), "running"
    )
    assert "3 of 10" in told
    assert "about 14 s" in told
    assert "1,234 tokens a second" in told
    assert "instructions kept out of training" in told
    assert "&lt;b&gt;" in told
    assert told.count("<polyline") == 3
    ended = figures(job(tmp_path, {"event": "started", "max_steps": 3}, *steps), "finished")
    assert "To go" not in ended


def test_a_loss_that_is_no_number_and_a_run_that_has_not_begun(tmp_path: Path) -> None:
    begun = {"event": "started", "step": 0, "max_steps": 2}
    assert "<polyline" not in figures(job(tmp_path, begun, {"event": "step", "step": 1, "loss": "nan"}), "failed")
    assert figures(job(tmp_path), "queued") == ""


def test_faults_are_named_and_escaped() -> None:
    faults = [Fault(f"Row {n} of <x>", "output", "is empty") for n in range(20)]
    told = found(Dataset([], faults, Counter({"the same as an earlier row": 2}), {"output": "answer"}))
    assert "Row 0 of &lt;x&gt;, column &#x27;output&#x27;, is empty" in told
    assert "and 8 more" in told
    assert "Columns: answer as output. Left out: 2 the same as an earlier row." in told


def test_an_x_ray_marks_whose_words_they_are() -> None:
    tokens = [
        XrayToken(1, "<s>", "template", False, False),
        XrayToken(2, "Be", "system", False, False),
        XrayToken(3, " brief", "system", False, False),
        XrayToken(4, "Yes", "answer", True, False),
        XrayToken(5, "!", "answer", False, True),
    ]
    told = xrays([Xray("Row 1", [XrayText("answer", tokens)], "merged", "It is merged.")])
    assert "<mark class='system'><span title='token 2'>Be</span><span title='token 3'> brief</span></mark>" in told
    assert "&lt;s&gt;" in told
    assert "5 tokens, 1 trained, 1 cut" in told
    assert "class='answer cut'" in told
    assert "<p class='surprise merged'>It is merged.</p>" in told


def test_the_command_quotes_the_name() -> None:
    assert "--out &#x27;my run&#x27;" in yaml_and_command("method: sft", "my run")
    assert "Config" not in yaml_and_command("", "")
