"""Votes kept on the Hub, by the real client against the tests' own Hub; each case is a process, as a Space is one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from janus_space.errors import HubUnusable
from janus_space.home import Home
from janus_space.hub_votes import HubVotes, open_votes
from janus_space.votes import Vote, VoteBox
from tests.hub import TOKEN, LocalHub
from tests.janus_space.sample_votes import make_vote

ROOT = Path(__file__).parents[2]
DATASET = "tester/votes"

# Casts a vote a name on stdin, at once; says how long that took, what is kept here, and what the trouble is.
VOTER = """
import json, os, sys, time
from pathlib import Path
from janus_space import hub_votes
from janus_space.home import Home
from tests.janus_space.sample_votes import make_vote

home, names, seconds = Path(sys.argv[1]), sys.argv[2].split(), float(sys.argv[3])
votes = hub_votes.HubVotes(home / "votes.jsonl", os.environ["JANUS_VOTES_DATASET"], os.environ["HF_TOKEN"],
                           os.environ["HF_ENDPOINT"], seconds_between=0.2)
votes.start()
began = time.monotonic()
for name in names:
    votes.cast(make_vote("ab", 0, comparison=name))
took = time.monotonic() - began
time.sleep(seconds)
trouble = votes.trouble
votes.close()
kept = [vote.comparison for vote in votes]
print(json.dumps({"took": took, "trouble": trouble, "last_trouble": votes.trouble, "kept": kept}))
"""


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub


@pytest.fixture
def visit(hub: LocalHub, tmp_path: Path) -> Callable[..., dict]:
    def visit(home: str, names: str = "", seconds: float = 0.0, token: str = TOKEN) -> dict:
        environment = hub.environment(tmp_path / f"hf-{home}", token) | {"JANUS_VOTES_DATASET": DATASET}
        folder = tmp_path / home
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-c", VOTER, str(folder), names, str(seconds)]
        run = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
        assert run.returncode == 0, run.stderr
        assert TOKEN not in run.stdout + run.stderr
        return json.loads(run.stdout)

    return visit


def shards(hub: LocalHub) -> list[list[str]]:
    """Read the comparisons of each shard that the dataset holds now, oldest first."""
    repository = hub.repositories[f"datasets/{DATASET}"]
    files = repository.commits[repository.refs["main"]]
    return [
        [Vote.model_validate_json(line).comparison for line in content.splitlines()]
        for path, content in files.items()
        if path.startswith("votes/")
    ]


def test_votes_go_to_a_private_dataset_with_a_card_and_come_back_to_an_empty_disk(
    hub: LocalHub, visit: Callable[..., dict]
) -> None:
    assert visit("first", "one two three")["last_trouble"] is None
    repository = hub.repositories[f"datasets/{DATASET}"]
    assert repository.is_private
    assert b"votes/*.jsonl" in repository.commits[repository.refs["main"]]["README.md"]
    assert sorted(name for shard in shards(hub) for name in shard) == ["one", "three", "two"]
    before = shards(hub)
    assert visit("second", "four", 1.0)["kept"].count("four") == 1
    assert shards(hub) == [*before, ["four"]]
    assert sorted(visit("third", "", 1.0)["kept"]) == ["four", "one", "three", "two"]
    assert shards(hub) == [*before, ["four"]]


def test_a_vote_waits_for_no_hub_and_is_sent_when_the_token_may_write(
    hub: LocalHub, visit: Callable[..., dict]
) -> None:
    refused = visit("home", "one", 1.0, token="hf_wrong")
    assert refused["took"] < 1
    assert refused["kept"] == ["one"]
    assert "give HF_TOKEN write access" in refused["trouble"]
    visit("home", "two")
    assert sorted(name for shard in shards(hub) for name in shard) == ["one", "two"]


def test_a_failure_is_told_and_forgotten_once_it_is_over(hub: LocalHub, visit: Callable[..., dict]) -> None:
    hub.trouble = ["refused"] * 100
    assert "the Hub answered with status 500" in visit("home", "one", 1.0)["trouble"]
    hub.trouble = ["refused"]
    assert visit("home", "", 2.0)["last_trouble"] is None
    assert shards(hub) == [["one"]]


def test_a_shard_whose_answer_was_lost_is_not_there_twice(hub: LocalHub, visit: Callable[..., dict]) -> None:
    hub.trouble = ["answer lost"]
    visit("home", "one two", 3.0)
    assert sorted(name for shard in shards(hub) for name in shard) == ["one", "two"]


def test_without_a_hub_in_reach_votes_are_kept_and_the_trouble_is_a_sentence(tmp_path: Path) -> None:
    votes = HubVotes(tmp_path / "votes.jsonl", DATASET, "hf_secret", "http://127.0.0.1:9", seconds_between=0.1)
    votes.start()
    votes.cast(make_vote("ab", 0))
    deadline = time.monotonic() + 60
    while votes.trouble is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert votes.trouble is not None
    assert "safe on this server" in votes.trouble
    assert len(list(votes)) == 1
    assert "hf_secret" not in repr(votes) + votes.trouble
    votes.close(0.1)


def test_a_house_keeps_its_votes_to_itself_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    assert type(open_votes(Home(tmp_path), {"HF_TOKEN": "hf_x"})) is VoteBox


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"JANUS_VOTES_DATASET": "votes", "HF_TOKEN": "hf_x"}, "write it as owner/name"),
        ({"JANUS_VOTES_DATASET": "me/../votes", "HF_TOKEN": "hf_x"}, "write it as owner/name"),
        ({"JANUS_VOTES_DATASET": "me/votes"}, "needs HF_TOKEN"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(tmp_path: Path, environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(HubUnusable, match=sentence):
        open_votes(Home(tmp_path), environ)
