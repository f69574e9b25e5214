from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest
from filelock import FileLock
from pydantic import ValidationError

from janus_space.comparison import Turn
from janus_space.errors import VoteRefused
from janus_space.votes import Vote, VoteBox
from tests.janus_space.sample_votes import make_vote
from trainer.errors import StorageFailed

ROOT = Path(__file__).parents[2]

# At the first line on stdin, casts votes on `prefix-0`, `prefix-1`, ... and says each once it is cast, or `refused`.
WRITER = """
import sys
from pathlib import Path
from janus_space.errors import VoteRefused
from janus_space.votes import VoteBox
from tests.janus_space.sample_votes import make_vote

path, prefix, n_votes, n_characters = sys.argv[1:]
box = VoteBox(Path(path))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(n_votes)):
    comparison = f"{prefix}-{number}"
    try:
        box.cast(make_vote("ab", 0, comparison=comparison, prompt="?" * int(n_characters)))
        print(comparison, flush=True)
    except VoteRefused:
        print("refused", flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "votes.jsonl"


def writer(path: Path, prefix: str, n_votes: int, n_characters: int = 1) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", WRITER, str(path), prefix, str(n_votes), str(n_characters)]
    return subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start(*writers: subprocess.Popen[str]) -> None:
    """Let all of them go at the same moment."""
    for process in writers:
        assert process.stdout.readline() == "ready\n"
    for process in writers:
        process.stdin.write("go\n")
        process.stdin.flush()


def comparisons(path: Path) -> list[str]:
    return [vote.comparison for vote in VoteBox(path)]


def test_a_vote_comes_back_as_it_was_cast(path: Path) -> None:
    vote = make_vote("abc", 2, earlier=(Turn(prompt="Före?", answers=("1", None, "3\n\u2028")),), was_blind=False)
    VoteBox(path).cast(vote)
    VoteBox(path).cast(tie := make_vote("ab", "tie"))
    assert list(VoteBox(path)) == [vote, tie]
    assert path.stat().st_mode & 0o777 == 0o600
    assert vote.when.utcoffset().total_seconds() == 0


def test_before_the_first_vote_there_is_none(path: Path) -> None:
    assert list(VoteBox(path)) == []
    assert not path.exists()


@pytest.mark.parametrize("verdict", [2, -1, True, 0.0, "a", "both"])
def test_only_a_column_that_is_there_can_win(verdict: object) -> None:
    with pytest.raises(ValidationError):
        make_vote("ab", verdict)  # type: ignore[arg-type]


def test_one_column_is_no_comparison() -> None:
    with pytest.raises(ValidationError):
        make_vote("a", 0)


def test_a_vote_of_a_newer_version_still_opens(path: Path) -> None:
    VoteBox(path).cast(vote := make_vote("ab", 0))
    path.write_bytes(path.read_bytes().replace(b'{"id"', b'{"mood":"good","id"'))
    assert list(VoteBox(path)) == [vote]


def test_a_comparison_takes_one_vote(path: Path) -> None:
    box, other = VoteBox(path), VoteBox(path)
    box.cast(make_vote("ab", 0, comparison="once"))
    for voting in (box, other, VoteBox(path)):
        with pytest.raises(VoteRefused, match="its vote already"):
            voting.cast(make_vote("ab", 1, comparison="once"))
    assert [vote.verdict for vote in box] == [0]


def test_what_another_process_wrote_since_is_known(path: Path) -> None:
    box = VoteBox(path)
    box.cast(make_vote("ab", 0))
    VoteBox(path).cast(make_vote("ab", 0, comparison="elsewhere"))
    with pytest.raises(VoteRefused):
        box.cast(make_vote("ab", 0, comparison="elsewhere"))


def test_a_file_that_was_put_in_place_of_the_old_one_is_read_afresh(path: Path) -> None:
    box = VoteBox(path)
    box.cast(make_vote("ab", 0, comparison="old"))
    VoteBox(newer := path.with_name("newer.jsonl")).cast(make_vote("ab", 0, comparison="new", prompt="?" * 1000))
    newer.replace(path)
    with pytest.raises(VoteRefused):
        box.cast(make_vote("ab", 0, comparison="new"))
    box.cast(make_vote("ab", 0, comparison="old"))
    assert comparisons(path) == ["new", "old"]


def test_two_votes_on_one_comparison_in_the_file_count_once(path: Path) -> None:
    box = VoteBox(path)
    box.cast(make_vote("ab", 0))
    path.write_bytes(path.read_bytes() * 2)
    assert len(list(box)) == 1


def test_a_last_line_cut_at_any_byte_is_no_vote_and_costs_no_other(path: Path) -> None:
    box = VoteBox(path)
    for name in ("first", "second"):
        box.cast(make_vote("ab", 0, comparison=name))
    before = path.stat().st_size
    box.cast(make_vote("ab", 0, comparison="torn"))
    whole = path.read_bytes()
    for end in range(before, len(whole)):
        path.write_bytes(whole[:end])
        assert comparisons(path) == ["first", "second"]
        VoteBox(path).cast(make_vote("ab", 1, comparison="torn"))
        votes = list(VoteBox(path))
        assert [(vote.comparison, vote.verdict) for vote in votes] == [("first", 0), ("second", 0), ("torn", 1)]
        assert len(path.read_bytes().splitlines()) == 3


def test_a_damaged_line_costs_its_own_vote_only_and_is_told_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    box = VoteBox(path)
    for name in "abc":
        box.cast(make_vote("ab", 0, comparison=name))
    lines = path.read_bytes().splitlines(keepends=True)
    for damage in (b"\0" * 300 + b"\n", b"{}\n", b"[1]\n", b"\n", b"\xff\n", lines[1][:-20] + b"\n"):
        path.write_bytes(lines[0] + damage + lines[2])
        caplog.clear()
        box = VoteBox(path)
        assert [vote.comparison for vote in box] == [vote.comparison for vote in box] == ["a", "c"]
        assert [record.message for record in caplog.records] == [f"{path}, line 2 is damaged and is not counted"]
        box.cast(make_vote("ab", 0, comparison="d"))
        assert comparisons(path) == ["a", "c", "d"]


def killed_at_random(path: Path, kills: int, seed: int) -> list[str]:
    """Kill writers while they write; return what they said was cast."""
    random, said = Random(seed), []
    for kill in range(kills):
        process = writer(path, f"kill{kill}", 100_000, n_characters=30_000)
        start(process)
        time.sleep(random.uniform(0.02, 0.3))
        process.kill()
        said += process.communicate()[0].splitlines()
    return said


@pytest.mark.parametrize("kills", [4, pytest.param(200, marks=pytest.mark.proof)])
def test_all_that_was_cast_before_kill_9_is_there_whole_and_once(path: Path, kills: int) -> None:
    said = killed_at_random(path, kills, seed=kills)
    assert len(said) > kills
    VoteBox(path).cast(make_vote("ab", 0, comparison="afterwards"))
    kept = comparisons(path)
    assert set(said) <= set(kept)
    assert len(set(kept)) == len(kept) <= len(said) + kills + 1
    with path.open("rb") as file:
        assert all(Vote.model_validate_json(line) for line in file)
    sys.stdout.write(f"{kills} writers killed; {len(said)} votes of 30 kB reported as cast, all there\n")


def test_processes_that_race_cast_one_vote_a_comparison(path: Path) -> None:
    racing = [writer(path, "same", 200) for _ in range(3)]
    start(*racing)
    said = [line for process in racing for line in process.communicate()[0].splitlines()]
    assert said.count("refused") == 400
    assert comparisons(path) == [f"same-{number}" for number in range(200)]


def test_a_vote_waits_while_another_process_writes_and_not_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("janus_space.votes._PATIENCE_SECONDS", 0.2)
    path.parent.mkdir()
    box, vote = VoteBox(path), make_vote("ab", 0)
    with FileLock(f"{path}.lock"), pytest.raises(VoteRefused, match="busy"):
        box.cast(vote)
    assert list(box) == []
    box.cast(vote)
    assert list(box) == [vote]


def test_threads_that_race_cast_one_vote_a_comparison(path: Path) -> None:
    box, cast = VoteBox(path), []

    def vote_on_all(verdict: int) -> None:
        for number in range(20):
            try:
                box.cast(make_vote("abcdef", verdict, comparison=str(number)))
            except VoteRefused:
                continue
            cast.append((str(number), verdict))

    threads = [threading.Thread(target=vote_on_all, args=(verdict,)) for verdict in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(cast) == sorted((vote.comparison, vote.verdict) for vote in box)
    assert len(cast) == 20


def test_reading_goes_on_while_others_write(path: Path) -> None:
    process = writer(path, "w", 80, n_characters=20_000)
    start(process)
    seen = [0]
    while process.poll() is None:
        read = comparisons(path)
        assert read == [f"w-{number}" for number in range(len(read))]
        seen.append(len(read))
    process.communicate()
    assert seen == sorted(seen)
    assert len(comparisons(path)) == 80


def test_a_disk_that_fills_up_in_the_middle_of_a_line_leaves_no_trace(path: Path) -> None:
    VoteBox(path).cast(make_vote("ab", 0, comparison="before"))
    before = path.read_bytes()
    script = f"""
import resource
from pathlib import Path
from janus_space.votes import VoteBox
from tests.janus_space.sample_votes import make_vote
from trainer.errors import StorageFailed

box = VoteBox(Path({str(path)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before)} + 100, resource.RLIM_INFINITY))
try:
    box.cast(make_vote("ab", 0, comparison="full"))
except StorageFailed as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert Path({str(path)!r}).stat().st_size == {len(before)}
box.cast(make_vote("ab", 0, comparison="full"))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Cannot write to" in done.stdout
    assert "JANUS_HOME" in done.stdout
    assert comparisons(path) == ["before", "full"]


def test_a_home_that_cannot_hold_votes_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match=r"Cannot write to .*JANUS_HOME"):
        VoteBox(tmp_path / "file" / "votes.jsonl").cast(make_vote("ab", 0))
