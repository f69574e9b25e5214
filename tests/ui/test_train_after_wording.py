from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from janus_space.job import Job, Status
from janus_space.ui.train_after_wording import merged, proof, rewards

PROOF = {"prompts": 20, "same_token_ids": True, "tolerance": 1e-3, "loaded_difference": 2e-6, "is_same": True}


def test_the_proof_says_how_many_how_far_and_whether_that_is_allowed() -> None:
    told = proof([{"event": "roundtrip", **PROOF, "merged_difference": 3e-5}], "sft")
    assert "What was saved says what was trained: 20 prompts with their system messages give the same tokens" in told
    assert "2e-06 nats a token when loaded again and 3e-05 nats a token when merged into the base" in told
    assert "(allowed: 0.001)" in told
    assert proof([], "sft") == ""


def test_a_broken_proof_is_an_alarm() -> None:
    told = proof([{"event": "roundtrip", **PROOF, "same_token_ids": False, "is_same": False}], "reward")
    assert "does not say what was trained" in told
    assert "other tokens" in told
    assert "in reward" in told
    assert "failed" in told


def test_rewards_tell_accuracy_and_swaps() -> None:
    told = rewards([{"event": "reward_check", "pairs": 40, "accuracy": 0.9, "flips": 12, "flip_accuracy": 0.75}])
    assert "90% of 40 pairs" in told
    assert "75% of 12 swaps" in told
    assert rewards([{"event": "reward_check", "pairs": 0, "accuracy": None}]) == ""


@pytest.mark.parametrize(
    ("status", "found", "end", "told"),
    [
        ("running", {}, {}, "Merging"),
        ("failed", {}, {"reason": "The disk is <full>."}, "The disk is &lt;full&gt;."),
        ("lost", {}, {}, "start it again"),
        ("finished", {"gib": 0.5, "prompts": 0}, {}, "0.50 GiB in /m. It was not compared"),
        (
            "finished",
            {"gib": 0.5, "prompts": 20, "is_same": True, "difference": 1e-6, "tolerance": 1e-3},
            {},
            "20 stored answers are as likely to it as to the run&#x27;s own model: at most 1e-06 nats a token apart",
        ),
    ],
)
def test_a_merge_says_how_it_stands(
    tmp_path: Path, status: Status, found: dict[str, Any], end: dict[str, Any], told: str
) -> None:
    (tmp_path / "exit.json").write_text(json.dumps(end))
    assert told in merged(Job("merge", "m", tmp_path), status, found, "/m", "sft")


@pytest.mark.parametrize(
    ("is_same", "told"), [(True, "stored answers get from it what"), (False, "do not get from it")]
)
def test_a_merged_reward_model_is_told_in_rewards(tmp_path: Path, is_same: bool, told: str) -> None:
    found = {"gib": 0.5, "prompts": 20, "is_same": is_same, "difference": 0.2, "tolerance": 1e-3}
    says = merged(Job("merge", "m", tmp_path), "finished", found, "/m", "reward")
    assert told in says
    assert "at most 0.2 in reward apart" in says
