"""Content, not only plumbing: with good writing for a teacher, the report says that it is good, and why.

How well a model tells the siblings apart is measured by the Space: `python -m janus_space steer --model
embedded:smollm2 --data OUT/dataset/sft.jsonl` reads the rows as they are written here.
"""

from __future__ import annotations

import json
from pathlib import Path

from data_gen.floors import LEAST_EVENNESS, MOST_ROUGE_L_SIBLING_ANSWERS
from data_gen.preferences import DIMENSIONS
from tests.augment_command import rows, run
from tests.content_teacher import ContentTeacher, recorded
from tests.endpoint import endpoint, says


def test_good_writing_comes_through_whole_and_above_every_floor(tmp_path: Path) -> None:
    trees = recorded(20)
    asked = [{"instruction_id": tree[0]["instruction_id"], "prompt": tree[0]["prompt"]} for tree in trees]
    (tmp_path / "asked.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asked), "utf-8")
    with endpoint(says(ContentTeacher(trees))) as server:
        flags = ("--teacher", f"openai:good@{server.url}", "--out", tmp_path / "out")
        done = run("--instructions", tmp_path / "asked.jsonl", *flags)
    assert done.returncode == 0, done.stderr

    made = {(row["prompt"], row["set_index"]): row for row in rows(tmp_path / "out")}
    assert len(made) == 60
    for tree in trees:
        for index, wanted in enumerate(tree):
            row = made[wanted["prompt"], index]
            assert (row["system"], row["output"], row["preference_set"]) == (
                wanted["system"],
                wanted["output"],
                wanted["preference_set"],
            )

    report = json.loads((tmp_path / "out/dataset/quality.json").read_text("utf-8"))
    assert all(report["coverage"][name]["evenness"] >= LEAST_EVENNESS for name in DIMENSIONS)
    assert report["rouge_l_sibling_answers"]["mean"] <= MOST_ROUGE_L_SIBLING_ANSWERS
    assert {floor["is_kept"] for floor in report["floors"]} == {True}
    assert report["near_duplicate_system_messages"] == report["unsafe_rows"] == 0
    assert report["lengths"]["description words"]["share_usual"] > 0.9
    assert "| ROUGE-L of answers to one instruction | 0.13 | ≤ 0.3 | kept |" in (
        tmp_path / "out/dataset/quality.md"
    ).read_text("utf-8")
