"""Answers are on disk before anybody has them, are found by content, and survive kills, damage and a full disk."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from data_gen import ledger_file
from data_gen.asking import Answer
from data_gen.errors import StorageFailed
from data_gen.ledger import Account, Ledger
from data_gen.request_key import RequestKey, request_key
from tests.data_gen.asking_process import question
from tests.endpoint import Endpoint, endpoint, says

ANSWER = Answer("Go left.", "stop", 7, 3)


def key(number: int, limit: int = 64) -> RequestKey:
    return RequestKey(request_key("m", question(number)).digest, limit)


def in_ledger(path: Path, act: Callable[[Ledger], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with Ledger(path) as ledger:
            return await act(ledger)

    return asyncio.run(run())


def fill(path: Path, count: int, text: str = "Go left.") -> None:
    async def act(ledger: Ledger) -> None:
        await asyncio.gather(*(ledger.put(key(n), Answer(f"{n} {text}", "stop", 7, 3), 5, "run") for n in range(count)))

    in_ledger(path, act)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "ledger.sqlite"


class TestKeeping:
    def test_an_answer_is_found_again_by_a_process_that_opens_the_file_later(self, path: Path) -> None:
        fill(path, 3)
        with_reader = Ledger(path, is_writer=False)
        assert with_reader.get(key(2)) == Answer("2 Go left.", "stop", 7, 3)
        assert with_reader.get(key(3)) is None

    def test_it_is_on_disk_for_others_once_put_returns(self, path: Path) -> None:
        async def act(ledger: Ledger) -> None:
            reader = Ledger(path, is_writer=False)
            assert reader.get(key(0)) is None
            await ledger.put(key(0), ANSWER)
            assert reader.get(key(0)) == ANSWER
            await reader.close()

        in_ledger(path, act)

    def test_answers_that_come_together_share_a_commit(self, path: Path) -> None:
        commits = []

        async def act(ledger: Ledger) -> None:
            commit = ledger._file.commit
            ledger._file.commit = lambda statements: commits.append(1) or commit(statements)  # type: ignore[method-assign]
            await asyncio.gather(*(ledger.put(key(n), ANSWER) for n in range(500)))

        in_ledger(path, act)
        assert len(commits) <= 3

    def test_an_answer_that_ended_by_itself_serves_every_limit_it_fits(self, path: Path) -> None:
        async def act(ledger: Ledger) -> None:
            await ledger.put(key(0, 64), ANSWER)
            await ledger.put(key(1, 64), Answer("Go and", "length", 7, 64))
            assert ledger.get(key(0, 1000)) == ledger.get(key(0, 3)) == ANSWER
            assert ledger.get(key(0, 2)) is None
            assert ledger.get(key(1, 64)) is not None
            assert ledger.get(key(1, 1000)) is None
            await ledger.put(key(1, 1000), Answer("Go and see.", "stop", 7, 70))
            assert ledger.get(key(1, 64)).text == "Go and"  # type: ignore[union-attr]

        in_ledger(path, act)

    def test_all_answers_can_be_walked_through(self, path: Path) -> None:
        fill(path, 50)
        ledger = Ledger(path, is_writer=False)
        assert [kept.key for kept in ledger] == sorted(key(n) for n in range(50))
        assert len(ledger) == 50
        assert {kept.cost_picousd for kept in ledger} == {5}


class TestOnce:
    def test_the_same_request_in_flight_is_asked_once(self, path: Path) -> None:
        asked = []

        async def act(ledger: Ledger) -> list[Answer]:
            async def ask() -> Answer:
                asked.append(1)
                await asyncio.sleep(0.05)
                await ledger.put(key(0), ANSWER)
                return ANSWER

            return await asyncio.gather(*(ledger.once(key(0), ask) for _ in range(20)))

        assert in_ledger(path, act) == [ANSWER] * 20
        assert len(asked) == 1

    def test_whoever_goes_away_neither_stops_it_nor_loses_it(self, path: Path) -> None:
        async def act(ledger: Ledger) -> None:
            async def ask() -> Answer:
                await asyncio.sleep(0.05)
                await ledger.put(key(0), ANSWER)
                return ANSWER

            first = asyncio.create_task(ledger.once(key(0), ask))
            await asyncio.sleep(0.01)
            second = asyncio.create_task(ledger.once(key(0), ask))
            await asyncio.sleep(0.01)
            first.cancel()
            assert await second == ANSWER
            assert ledger.get(key(0)) == ANSWER

        in_ledger(path, act)

    def test_a_failure_reaches_all_who_wait_and_is_not_remembered(self, path: Path) -> None:
        async def act(ledger: Ledger) -> None:
            async def fail() -> Answer:
                await asyncio.sleep(0.01)
                raise StorageFailed("no")

            failed = await asyncio.gather(*(ledger.once(key(0), fail) for _ in range(3)), return_exceptions=True)
            assert all(isinstance(error, StorageFailed) for error in failed)

            async def ask() -> Answer:
                return ANSWER

            assert await ledger.once(key(0), ask) == ANSWER

        in_ledger(path, act)


class TestTheFile:
    def test_one_writes_and_many_read(self, path: Path) -> None:
        async def act(ledger: Ledger) -> None:
            with pytest.raises(StorageFailed, match="written by another run"):
                Ledger(path)
            for _ in range(3):
                Ledger(path, is_writer=False)

        in_ledger(path, act)
        asyncio.run(Ledger(path).close())

    def test_a_file_of_an_older_form_is_brought_up_to_date(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(path, 2)
        step = ("ALTER TABLE runs ADD COLUMN note TEXT",)
        monkeypatch.setattr(ledger_file, "MIGRATIONS", (*ledger_file.MIGRATIONS, step))
        with pytest.raises(StorageFailed, match="older form"):
            Ledger(path, is_writer=False)
        ledger = Ledger(path)
        assert ledger.read("SELECT note FROM runs") == [(None,)]
        assert len(ledger) == 2

    def test_a_file_of_a_newer_form_is_left_alone(self, path: Path) -> None:
        fill(path, 2)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        with pytest.raises(StorageFailed, match="newer version"):
            Ledger(path)

    def test_a_file_that_is_no_ledger_is_kept_aside(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(b"not a database at all " * 500)
        ledger = Ledger(path)
        assert "0 answers could be read back" in (ledger.warning or "")
        assert path.with_name("ledger.sqlite.damaged-1").read_bytes().startswith(b"not a database")

    def test_what_is_whole_in_a_damaged_file_is_read_back(self, path: Path) -> None:
        fill(path, 400, "words " * 60)
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 9000] = random.Random(0).randbytes(9000)
        path.write_bytes(data)
        ledger = Ledger(path)
        assert ledger.warning is not None
        assert "damaged" in ledger.warning
        assert 200 < len(ledger) < 400
        assert all(kept.answer.text.endswith("words words ") for kept in ledger)
        assert Account(ledger, "run").spent_picousd == 5 * len(ledger)

    @pytest.mark.parametrize("seed", range(5))
    def test_a_torn_write_ahead_log_loses_only_its_end(self, path: Path, tmp_path: Path, seed: int) -> None:
        """What a power cut may leave: the log as it was, cut or scribbled over from some byte on."""
        dice = random.Random(seed)

        async def act(ledger: Ledger) -> None:
            for number in range(40):
                await ledger.put(key(number), Answer(f"{number} words", "stop", 7, 3))
            for name in (path, path.with_name("ledger.sqlite-wal")):
                (tmp_path / name.name).write_bytes(name.read_bytes())

        in_ledger(path, act)
        log = tmp_path / "ledger.sqlite-wal"
        whole = log.read_bytes()
        assert len(whole) > 100_000
        kept = whole[: dice.randrange(len(whole))]
        log.write_bytes(kept + dice.randbytes(len(whole) - len(kept)) if seed % 2 else kept)
        ledger = Ledger(tmp_path / "ledger.sqlite")
        count = len(ledger)
        assert ledger.warning is None
        assert all(ledger.get(key(number)) == Answer(f"{number} words", "stop", 7, 3) for number in range(count))
        assert count <= 40 * len(kept) / len(whole) + 1


class TestStorage:
    def test_a_full_disk_keeps_what_was_in_flight_and_says_so(self, tmp_path: Path) -> None:
        with disk(tmp_path / "disk", "size=10m") as folder:
            kept = 0

            async def act(ledger: Ledger) -> StorageFailed:
                nonlocal kept
                while ledger.trouble is None:
                    await ledger.put(key(kept), Answer("x" * 10_000, "stop", 7, 3))
                    kept += 1
                for _ in range(20):  # those still in flight when it became full
                    await ledger.put(key(kept), Answer("x" * 10_000, "stop", 7, 3))
                    kept += 1
                return ledger.trouble

            trouble = in_ledger(folder / "ledger.sqlite", act)
            assert "disk is full" in str(trouble)
            assert str(folder) in str(trouble)
            assert len(Ledger(folder / "ledger.sqlite", is_writer=False)) == kept

    def test_a_run_on_a_disk_that_fills_keeps_every_answer_it_paid_for(self, tmp_path: Path) -> None:
        with disk(tmp_path / "disk", "size=12m") as folder, endpoint(says(answer)) as server:
            said = run_asking(server, folder / "ledger.sqlite", 400, 16)
            assert said.startswith("StorageFailed: ")
            assert "disk is full" in said
            kept = len(Ledger(folder / "ledger.sqlite", is_writer=False))
            assert 20 < kept == len(server.asked) < 400

    def test_a_disk_without_room_is_refused_before_anything_is_paid(self, tmp_path: Path) -> None:
        with disk(tmp_path / "disk", "size=2m") as folder, pytest.raises(StorageFailed, match="no space left"):
            Ledger(folder / "ledger.sqlite")

    def test_a_read_only_disk_is_named(self, tmp_path: Path) -> None:
        with disk(tmp_path / "disk", "ro") as folder, pytest.raises(StorageFailed, match="read-only"):
            Ledger(folder / "ledger.sqlite")

    def test_a_disk_that_becomes_read_only_loses_nothing_written(self, tmp_path: Path) -> None:
        with disk(tmp_path / "disk", "size=20m") as folder:
            fill(folder / "ledger.sqlite", 5)

            async def act(ledger: Ledger) -> None:
                await ledger.put(key(5), ANSWER)
                await asyncio.to_thread(ledger._file._writer.execute, "PRAGMA query_only = 1")  # type: ignore[union-attr]
                with pytest.raises(StorageFailed, match="read-only"):
                    await ledger.put(key(6), ANSWER)

            in_ledger(folder / "ledger.sqlite", act)
            assert len(Ledger(folder / "ledger.sqlite")) == 6

    def test_a_limit_on_file_size_stops_with_one_sentence_and_goes_on_later(self, path: Path) -> None:
        with endpoint(says(answer)) as server:
            limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (8_500_000, -1));"
            limited += "runpy.run_module('tests.data_gen.asking_process', run_name='__main__')"
            command = [sys.executable, "-c", limited, server.url, str(path), "450", "8"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.stdout.startswith("StorageFailed: "), done.stderr
            assert "Traceback" not in done.stderr
            kept = len(Ledger(path, is_writer=False))
            paid = len(server.asked)
            assert 100 < kept < 450
            assert paid - kept <= 8
            assert run_asking(server, path, 450, 8) == "{'Answer': 450}"
            assert len(server.asked) == paid + 450 - kept


@contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small disk of its own, where the tests may; skip, saying so, where they may not."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a disk of its own needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def answer(body: dict[str, Any]) -> str:
    """Return an answer that is a function of the request, as long as real ones are."""
    return f"{body['messages'][-1]['content']} " + "An answer of some length. " * 2000


def start_asking(server: Endpoint, path: Path, count: int, concurrency: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.data_gen.asking_process", server.url, str(path), str(count)]
    return subprocess.Popen([*command, str(concurrency)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_asking(server: Endpoint, path: Path, count: int, concurrency: int) -> str:
    said, errors = start_asking(server, path, count, concurrency).communicate(timeout=120)
    return said.strip() or errors


@pytest.mark.parametrize(
    ("kills", "count", "concurrency"),
    [
        pytest.param(4, 400, 16, id="four-kills"),
        pytest.param(30, 3000, 50, id="thirty-kills", marks=[pytest.mark.proof, pytest.mark.timeout(1800)]),
    ],
)
def test_a_killed_run_pays_at_most_for_what_was_in_flight_again(
    path: Path, kills: int, count: int, concurrency: int
) -> None:
    dice = random.Random(kills)
    with endpoint(says(lambda body: body["messages"][-1]["content"] + " Yes.", seconds_before=0.02)) as server:
        for _ in range(kills):
            before, had = len(server.asked), len(Ledger(path, is_writer=False)) if path.exists() else 0
            process = start_asking(server, path, count, concurrency)
            wanted = before + dice.randint(1, max(1, count // kills))
            while len(server.asked) < wanted and process.poll() is None:
                time.sleep(0.001)
            time.sleep(dice.random() * 0.05)
            process.kill()
            process.communicate()
            if path.exists():
                assert len(Ledger(path, is_writer=False)) >= had
        assert run_asking(server, path, count, concurrency) == f"{{'Answer': {count}}}"
        asked = Counter(one.body["messages"][-1]["content"] for one in server.asked)
        assert sum(asked.values()) - count <= kills * concurrency
        assert run_asking(server, path, count, concurrency) == f"{{'Answer': {count}}}"
        assert sum(asked.values()) == len(server.asked)
    ledger = Ledger(path, is_writer=False)
    assert [ledger.get(key(n)).text for n in range(count)] == [f"Question {n}? Yes." for n in range(count)]  # type: ignore[union-attr]
