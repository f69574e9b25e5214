from __future__ import annotations

import json
from pathlib import Path

import pytest

from janus_space.job import STATUSES, Job
from janus_space.ui import job_wording


def test_every_status_has_a_sign_and_a_sentence(tmp_path: Path) -> None:
    for status in STATUSES:
        assert job_wording.SIGNS[status] in job_wording.sign(status)
        assert len(job_wording.headline(Job("augment", "x", tmp_path), status, None)) > 40


def test_why_it_failed_is_said_and_escaped(tmp_path: Path) -> None:
    (tmp_path / "exit.json").write_text(json.dumps({"state": "failed", "reason": "No <key> was right."}))
    assert "No &lt;key&gt; was right." in job_wording.headline(Job("augment", "x", tmp_path), "failed", None)


def test_who_comes_first_is_named(tmp_path: Path) -> None:
    first = Job("train", "first", tmp_path)
    assert "behind first" in job_wording.headline(Job("train", "x", tmp_path), "queued", first)


def test_names_and_logs_are_no_markup(tmp_path: Path) -> None:
    job = Job("augment", "<b>'x'", tmp_path)
    shown = job_wording.listed([job], {job.id: "running"}, job.name) + job_wording.log(["<i>"])
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert "aria-pressed='true'" in shown
    assert job_wording.listed([], {}, "") == job_wording.NO_JOBS


@pytest.mark.parametrize(
    ("seconds", "words"), [(4, "4 s"), (89, "89 s"), (120, "2 min"), (3_540, "59 min"), (7_300, "2 h 02 min")]
)
def test_times_read_as_people_say_them(seconds: float, words: str) -> None:
    assert job_wording.duration(seconds) == words


def test_a_bar_of_nothing_is_empty() -> None:
    assert "max='1' value='0'" in job_wording.bar(0, 0, "Rows")
    assert "100%" in job_wording.bar(4, 4, "Rows")
