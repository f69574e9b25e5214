"""Batches as an asker: whole trees grow level by level, and a stop leaves the batch that is out to the next run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.job import augment
from data_gen.job_folder import JobFolder
from data_gen.job_request import AugmentRequest
from tests.augment_command import rows, write_instructions
from tests.batch_endpoint import BatchEndpoint, Ending, Line, answered, batch_endpoint, failed
from tests.teacher import answer


def grows(lines: list[Line]) -> Ending:
    """Answer as the scripted teacher does; refuse what asks about the number 3."""
    output = []
    for line in lines:
        one = answered(line)
        one["response"]["body"]["choices"][0]["message"]["content"] = answer(line["body"])
        one["response"]["body"]["usage"] = {"prompt_tokens": 700, "completion_tokens": 200}
        output.append(one)
    refused = [failed(line, 400, "not this") for line in lines if "number 3?" in json.dumps(line["body"])]
    names = {line["custom_id"] for line in refused}
    return Ending("completed", [one for one in output if one["custom_id"] not in names], refused or None)


def start(server: BatchEndpoint, out: Path, instructions: int, **fields: Any) -> dict[str, Any]:
    out.parent.mkdir(exist_ok=True)
    asked = write_instructions(out.parent / "asked.jsonl", instructions)
    request = AugmentRequest.read(
        instructions=asked, teacher=(f"openai:m@{server.url}",), transport="batch", poll_seconds=0.02, **fields
    )
    folder = JobFolder(out)
    with folder.begun(request.model_dump(mode="json")):
        return asyncio.run(augment(request, folder))


def sizes(server: BatchEndpoint) -> list[int]:
    return [len(server.files[batch["input_file_id"]].splitlines()) for batch in server.batches.values()]


def test_a_tree_takes_one_batch_a_level_and_is_never_sent_again(tmp_path: Path) -> None:
    with batch_endpoint(grows) as server:
        for _ in range(2):
            end = start(server, tmp_path / "job", 30, sets=2)
            assert (end["state"], end["rows"], end["quarantined"]) == ("done", 58, 2)
        # Both sets of 30, then messages and answers of 29; the second run asks for nothing but what was refused.
        assert sizes(server) == [30, 59, 58, 29, 1, 1]
    (reason,) = {row["reason"] for row in rows(tmp_path / "job", "quarantine.jsonl")}
    assert "not this" in reason
    assert "Batch batch_0 of 30 requests is out" in (tmp_path / "job/log.txt").read_text()


def test_a_stop_does_not_wait_for_the_batch_that_is_out_and_the_next_run_fetches_it(tmp_path: Path) -> None:
    with batch_endpoint(grows, polls_before_end=10**9) as server:
        (tmp_path / "job").mkdir()

        async def stop_it() -> dict[str, Any]:
            job = asyncio.create_task(asyncio.to_thread(start, server, tmp_path / "job", 10, sets=1))
            while not server.batches:
                await asyncio.sleep(0.02)
            (tmp_path / "job/stop").touch()
            return await asyncio.wait_for(job, 10)

        end = asyncio.run(stop_it())
        assert (end["state"], end["unfinished"]) == ("stopped", 10)
        server.polls_before_end = 1
        assert start(server, tmp_path / "job", 10, sets=1)["rows"] == 9
        assert sizes(server) == [10, 1, 9, 9]
        assert len(server.billed) == 27


def test_a_budget_ends_batches_too(tmp_path: Path) -> None:
    with batch_endpoint(grows) as server:
        end = start(server, tmp_path / "job", 30, sets=1, budget_usd=0.5, price_in=10.0, price_out=30.0)
        assert end["state"] == "budget spent"
        assert 0 < end["spent_usd"] <= 0.5
        assert end["unfinished"] > 0


def test_several_endpoints_are_refused() -> None:
    with pytest.raises(Exception, match="batches go to one endpoint"):
        AugmentRequest.read(instructions="a", teacher=("openai:m@http://a,http://b",), transport="batch")
