"""Against a server that speaks the Batch API: whatever a batch comes to, only what is missing is sent again."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from data_gen.asking import Answer, Failure
from data_gen.cost import PICOUSD_PER_USD, Budget
from data_gen.errors import BudgetSpent, TeacherGone
from data_gen.ledger import Account, Ledger
from data_gen.work import Outcome
from tests.batch_endpoint import BatchEndpoint, Ending, Line, answered, batch_endpoint, completes, expired, failed
from tests.data_gen.asking_process import PRICES, question
from tests.data_gen.batch_process import ask


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def sizes(server: BatchEndpoint) -> list[int]:
    return [len(server.files[batch["input_file_id"]].splitlines()) for batch in server.batches.values()]


def run(server: BatchEndpoint, path: Path, count: int, **options: int | float) -> list[Outcome]:
    return asyncio.run(ask(server.url, path, range(count), **options))  # type: ignore[arg-type]


def texts(outcomes: list[Outcome]) -> list[str]:
    return sorted(outcome.result.text for outcome in outcomes if isinstance(outcome.result, Answer))


def all_texts(count: int) -> list[str]:
    return sorted(f"Question {number}? Yes." for number in range(count))


def test_a_batch_is_answered_and_never_sent_again(path: Path) -> None:
    with batch_endpoint() as server:
        for _ in range(2):
            assert texts(run(server, path, 30)) == all_texts(30)
        assert sizes(server) == [30]
        body = server.files["file-0"].splitlines()[0]
        assert b'"url": "/v1/chat/completions"' in body
        assert b'"max_tokens": 64' in body


def test_only_what_the_ledger_does_not_hold_is_sent_in_batches_of_a_size(path: Path) -> None:
    with batch_endpoint() as server:
        run(server, path, 10)
        assert texts(run(server, path, 35, most_requests=10)) == all_texts(35)
        assert sizes(server) == [10, 10, 10, 5]


def test_one_request_that_stands_twice_is_sent_once_and_yielded_twice(path: Path) -> None:
    with batch_endpoint() as server:
        outcomes = asyncio.run(ask(server.url, path, [0, 1, 0]))  # type: ignore[arg-type]
        assert texts(outcomes) == ["Question 0? Yes.", "Question 0? Yes.", "Question 1? Yes."]
        assert sizes(server) == [2]


def expires(lines: list[Line]) -> Ending:
    half = len(lines) // 2
    return Ending("expired", [answered(line) for line in lines[:half]], [expired(line) for line in lines[half:]])


def is_overloaded(lines: list[Line]) -> Ending:
    return Ending("completed", None, [failed(line, 503, "overloaded") for line in lines])


def loses_some(lines: list[Line]) -> Ending:
    return Ending("completed", [answered(line) for line in lines[::3]], None)


def is_garbled(lines: list[Line]) -> Ending:
    good, bad = [answered(line) for line in lines[1:]], answered(lines[0])
    bad["response"]["body"] = {"choices": []}
    return Ending("completed", [bad, *good])


@pytest.mark.parametrize(
    ("ending", "then"),
    [(expires, 15), (is_overloaded, 30), (is_garbled, 1), (lambda lines: Ending("cancelled"), 30)],
)
def test_what_is_missing_is_sent_again_and_nothing_else(
    path: Path, ending: Callable[[list[Line]], Ending], then: int
) -> None:
    with batch_endpoint(ending, completes) as server:
        assert texts(run(server, path, 30)) == all_texts(30)
        assert sizes(server) == [30, then]


def test_lines_that_are_in_neither_file_are_sent_again(path: Path) -> None:
    with batch_endpoint(loses_some, completes) as server:
        assert texts(run(server, path, 30)) == all_texts(30)
        assert sizes(server) == [30, 20]


def test_what_is_refused_is_a_failure_and_not_sent_again(path: Path) -> None:
    def refuses_one(lines: list[Line]) -> Ending:
        return Ending("completed", [answered(line) for line in lines[1:]], [failed(lines[0], 400, "too long")])

    with batch_endpoint(refuses_one) as server:
        outcomes = run(server, path, 30)
        (failure,) = (outcome.result for outcome in outcomes if isinstance(outcome.result, Failure))
        assert "(400, “too long”)" in failure.reason
        assert len(texts(outcomes)) == 29
        assert sizes(server) == [30]


def test_what_is_never_answered_fails_after_some_batches(path: Path) -> None:
    with batch_endpoint(is_overloaded) as server:
        outcomes = run(server, path, 5)
        assert all("overloaded" in outcome.result.reason for outcome in outcomes if isinstance(outcome.result, Failure))
        assert len(outcomes) == 5
        assert sizes(server) == [5, 5, 5, 5]


def test_a_batch_that_is_not_accepted_halts_with_its_reason(path: Path) -> None:
    with batch_endpoint(lambda lines: Ending("failed", complaint="Enqueued token limit reached")) as server:
        with pytest.raises(TeacherGone, match="Enqueued token limit reached"):
            run(server, path, 5)
        server.script[:] = [completes]
        assert texts(run(server, path, 5)) == all_texts(5)


def test_faults_of_the_api_itself_are_waited_out(path: Path) -> None:
    page = Response("<html>busy</html>", 200, media_type="text/html")
    busy = JSONResponse({"error": {"message": "slow down"}}, 429, {"retry-after": "0.01"})
    broken = JSONResponse({"error": {"message": "boom"}}, 500)
    with batch_endpoint(faults=[busy, broken, page, None, None, broken, busy, page, broken]) as server:
        assert texts(run(server, path, 10)) == all_texts(10)
        assert sizes(server) == [10]


def test_a_batch_whose_creation_was_not_confirmed_is_found(path: Path) -> None:
    with batch_endpoint() as server:
        for _ in range(3):  # so that the list has more than one page
            server._create({"endpoint": "/v1/chat/completions", "metadata": None})
        server.is_create_reply_lost = True
        assert texts(run(server, path, 10)) == all_texts(10)
        assert len(server.batches) == 4


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_moment_sends_nothing_twice(path: Path, seed: int) -> None:
    dice = random.Random(seed)
    command = [sys.executable, "-m", "tests.data_gen.batch_process"]
    with batch_endpoint(polls_before_end=8) as server:
        process = subprocess.Popen([*command, server.url, str(path), "50"], stdout=subprocess.DEVNULL)
        while not (server.files if seed == 0 else server.batches) and process.poll() is None:
            time.sleep(0.001)
        time.sleep(dice.random() * 0.25 * seed)
        process.kill()
        process.wait()
        done = subprocess.run([*command, server.url, str(path), "50"], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "{'Answer': 50}", done.stderr
        assert len(server.batches) == 1
        assert len(server.billed) == 50


def test_a_budget_limits_a_batch_before_it_is_sent_and_goes_on_with_what_is_left(path: Path) -> None:
    worst = Budget(1, PRICES).worst_picousd(question(0)) / PICOUSD_PER_USD
    with batch_endpoint() as server:
        limit = 10.5 * worst
        with pytest.raises(BudgetSpent, match="is used up"):
            run(server, path, 1000, limit_usd=limit)
        assert sizes(server)[0] == 10
        billed = len(server.billed) * PRICES.picousd(7, 3) / PICOUSD_PER_USD
        assert 0.8 * limit < billed <= limit
        ledger = Ledger(path, is_writer=False)
        assert Account(ledger, "run").spent_picousd == len(server.billed) * PRICES.picousd(7, 3)
