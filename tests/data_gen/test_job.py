from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from data_gen.job import augment
from data_gen.job_folder import JobFolder
from data_gen.job_request import AugmentRequest
from data_gen.prompts import Prompts
from tests.endpoint import Endpoint, endpoint
from tests.teacher import ScriptedTeacher

PLAIN = [f"How do I tend a garden of kind number {number} in a dry summer?" for number in range(6)]
FAULTY = {
    "Tell me about FENCED yards.": "repaired",
    "Tell me what is WRONG-AT-FIRST.": "repaired",
    "Tell me why it is FLAKY.": "repaired",
    "Tell me about NO-JSON at all.": "preference_set: unusable",
    "Tell me why I am REFUSED.": "preference_set: failed",
    "Tell me about an EMPTY-ANSWER.": "response: unusable",
}


@pytest.fixture
def teacher() -> ScriptedTeacher:
    return ScriptedTeacher()


@pytest.fixture
def server(teacher: ScriptedTeacher) -> Iterator[Endpoint]:
    with endpoint(teacher) as served:
        yield served


def run(server: Endpoint, out: Path, texts: list[str], **fields: Any) -> dict[str, Any]:
    is_estimate = fields.pop("is_estimate", False)
    out.parent.mkdir(parents=True, exist_ok=True)
    file = out.parent / "asked.jsonl"
    file.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    request = AugmentRequest.read(instructions=file, teacher=(f"openai:m@{server.url}",), concurrency=8, **fields)
    folder = JobFolder(out)
    with folder.begun(request.model_dump(mode="json")):
        return asyncio.run(augment(request, folder, is_estimate=is_estimate))


def rows(out: Path, name: str = "sft.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "dataset" / name).read_text().splitlines()]


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "dataset").iterdir()}


def test_every_row_is_delivered_or_quarantined_with_its_reason(server: Endpoint, tmp_path: Path) -> None:
    texts = [*PLAIN, *FAULTY]
    end = run(server, tmp_path / "job", texts)
    assert end["rows"] + end["quarantined"] == end["rows_wanted"] == 3 * len(texts)
    delivered = {(row["prompt"], row["set_index"]) for row in rows(tmp_path / "job")}
    assert {text for text, _ in delivered} == {*PLAIN, *(text for text, fate in FAULTY.items() if fate == "repaired")}
    quarantine = rows(tmp_path / "job", "quarantine.jsonl")
    assert {(row["prompt"], f"{row['level']}: {row['kind']}") for row in quarantine} == {
        (text, fate) for text, fate in FAULTY.items() if fate != "repaired"
    }
    assert all(row["reason"] for row in quarantine)
    assert "I would rather not." in {row["raw"] for row in quarantine}


def test_a_second_run_asks_nothing_again_and_writes_the_same_bytes(
    server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path
) -> None:
    run(server, tmp_path / "job", PLAIN)
    asked, first = teacher.asked.total(), contents(tmp_path / "job")
    assert asked == 3 * 3 * len(PLAIN)
    run(server, tmp_path / "job", PLAIN)
    assert teacher.asked.total() == asked
    assert contents(tmp_path / "job") == first


def test_two_undisturbed_runs_give_the_same_bytes_and_another_seed_other_sets(server: Endpoint, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(server, tmp_path / name / "job", PLAIN, seed=seed, rubrics=True)
    assert contents(tmp_path / "a/job") == contents(tmp_path / "b/job")
    sets = [[row["preference_set"] for row in rows(tmp_path / name / "job")] for name in ("a", "c")]
    assert sets[0] != sets[1]


def test_a_changed_response_prompt_asks_for_answers_only(
    server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path
) -> None:
    run(server, tmp_path / "job", PLAIN)
    before = teacher.asked.copy()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/response.md").write_text("$system\n\nBe quick.")
    run(server, tmp_path / "job", PLAIN, prompts=tmp_path / "prompts")
    assert teacher.asked - before == {"response": 3 * len(PLAIN)}


def test_new_instructions_are_added_without_asking_for_the_old_ones(
    server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path
) -> None:
    run(server, tmp_path / "job", PLAIN[:4])
    before = teacher.asked.total()
    run(server, tmp_path / "job", PLAIN)
    assert teacher.asked.total() - before == 3 * 3 * 2
    assert len(rows(tmp_path / "job")) == 3 * len(PLAIN)


def test_a_budget_ends_the_run_and_a_larger_one_goes_on(
    server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path
) -> None:
    prices = {"price_in": 10.0, "price_out": 30.0}
    end = run(server, tmp_path / "job", PLAIN, budget_usd=0.2, **prices)
    assert end["state"] == "budget spent"
    assert "0.2" in end["reason"]
    assert 0 < end["spent_usd"] <= 0.2
    assert end["rows"] + end["unfinished"] == end["rows_wanted"]
    delivered = rows(tmp_path / "job")
    assert len(delivered) == end["rows"]

    end = run(server, tmp_path / "job", PLAIN, budget_usd=50.0, **prices)
    assert end["state"] == "done"
    assert [row for row in rows(tmp_path / "job") if row in delivered] == delivered
    assert max(teacher.bodies.values()) == 1


def test_a_spent_budget_still_delivers_what_was_paid(server: Endpoint, tmp_path: Path) -> None:
    run(server, tmp_path / "job", PLAIN[3:])
    end = run(server, tmp_path / "job", PLAIN, budget_usd=1e-9, price_in=1.0, price_out=1.0)
    assert end["state"] == "budget spent"
    assert {row["prompt"] for row in rows(tmp_path / "job")} == set(PLAIN[3:])


def test_the_file_stop_is_obeyed_and_the_same_command_goes_on(
    server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path
) -> None:
    many = [f"What is so special about the number {number}?" for number in range(80)]
    asyncio.run(_stopped_early(server, tmp_path / "job", many))
    end = json.loads((tmp_path / "end.json").read_text())
    assert end["state"] == "stopped"
    assert 0 < end["unfinished"] < end["rows_wanted"]
    run(server, tmp_path / "job", many)
    assert max(teacher.bodies.values()) == 1
    assert len(rows(tmp_path / "job")) == 3 * len(many)


async def _stopped_early(server: Endpoint, out: Path, texts: list[str]) -> None:
    job = asyncio.create_task(asyncio.to_thread(run, server, out, texts))
    while len(server.asked) < 60:
        await asyncio.sleep(0.01)
    (out / "stop").touch()
    (out.parent / "end.json").write_text(json.dumps(await job))


def test_an_estimate_is_paid_once_and_close(server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path) -> None:
    many = [f"What is so special about the number {number}?" for number in range(40)]
    prices = {"price_in": 10.0, "price_out": 30.0}
    told = run(server, tmp_path / "job", many, is_estimate=True, **prices)["estimate"]
    assert teacher.asked.total() == 5 * 9
    assert told["levels"]["response"]["answers"] == 120
    end = run(server, tmp_path / "job", many, **prices)
    assert max(teacher.bodies.values()) == 1
    assert told["usd"] == pytest.approx(end["cost_usd"], rel=0.2)
    assert end["spent_usd"] == pytest.approx(end["cost_usd"])
    events = [json.loads(line) for line in (tmp_path / "job/events.jsonl").read_text().splitlines()]
    assert {"cleaned", "estimate", "progress"} <= {event["event"] for event in events}


def test_what_a_dataset_says_of_itself(server: Endpoint, tmp_path: Path) -> None:
    run(server, tmp_path / "job", [*PLAIN, *FAULTY], rubrics=True, price_in=1.0, price_out=2.0)
    told = json.loads((tmp_path / "job/dataset/dataset.json").read_text())
    assert told["teacher"] == ["openai:m"]
    assert told["prompts"]["response"] == Prompts().sha256("response")
    assert told["files"].keys() == contents(tmp_path / "job").keys() - {"dataset.json"}
    levels = told["cost"]["levels"]
    assert told["cost"]["usd"] == pytest.approx(sum(cost["usd"] for cost in levels.values()))
    assert levels["rubric"]["answers"] >= 4 * told["rows"]["bench"]


def test_load_dataset_opens_the_folder_as_it_stands(server: Endpoint, tmp_path: Path) -> None:
    run(server, tmp_path / "job", PLAIN, rubrics=True, pairs="contrast")
    code = """
import sys
from datasets import load_dataset
sft, pairs, bench = (load_dataset(sys.argv[1], *name) for name in ([], ["pairs"], ["bench"]))
print(sft["train"].num_rows, pairs["train"].num_rows, bench["test"].num_rows)
print(*sft["train"].column_names)
print(bench["test"][0]["rubrics"][3]["score_descriptions"]["5"] != "")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "job/dataset")],
        env={"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    counts, columns, has_rubric = done.stdout.splitlines()
    assert counts == "18 36 18"
    paper = {"main_source", "original_source", "preference_set", "system", "prompt", "output"}
    assert paper < set(columns.split())
    assert has_rubric == "True"


def test_what_is_wrong_is_said_before_anything_is_asked(
    server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/response.md").write_text("$system and $another")
    with pytest.raises(BadRequest, match=r"response\.md has an unknown slot"):
        run(server, tmp_path / "job", PLAIN, prompts=tmp_path / "prompts")
    with pytest.raises(BadRequest, match="no instruction to work on"):
        run(server, tmp_path / "job", ["", " "])
    with pytest.raises(BadRequest, match="cannot be read"):
        run(server, tmp_path / "job", PLAIN, against=(tmp_path / "missing.jsonl",))
    assert not teacher.asked
