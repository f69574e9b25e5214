"""One commit, cut at every request it makes, twice: before the Hub hears it, and after it has done it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest

from janus_space.errors import PublishBroken, PublishRefused
from janus_space.publish.commit import send
from janus_space.publish.hub import Hub
from janus_space.publish.parcel import Parcel, RepoKind, listed
from tests.hub import LocalHub, full_name
from tests.hub_cut import Moment

FILES = {
    "README.md": b"---\nlicense: mit\n---\n# One\n",
    "adapter_config.json": b"{}",
    "adapter_model.safetensors": bytes(range(256)) * 4,
    "large.safetensors": bytes(range(250)) * 3_000,  # goes in three parts
    "data/table.bin": b"PAR1" * 40,
}


def parcel(folder: Path, kind: RepoKind = "model", **changed: bytes) -> Parcel:
    for path, content in {**FILES, **changed}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return Parcel(kind=kind, repo_id="tester/one", is_private=True, folder=folder, files=listed(folder))


def there(local_hub: LocalHub, kind: RepoKind = "model") -> dict[str, bytes]:
    repository = local_hub.repositories.get(full_name(kind, "tester/one"))
    if repository is None:
        return {}
    files = repository.commits[repository.refs["main"]]
    return {path: content for path, content in files.items() if path != ".gitattributes"}


@pytest.mark.parametrize("kind", get_args(RepoKind))
def test_what_is_sent_is_there_byte_by_byte_in_one_commit_and_is_not_sent_again(
    tmp_path: Path, hub: Hub, local_hub: LocalHub, kind: RepoKind
) -> None:
    told: list[tuple[int, int]] = []
    sent = send(parcel(tmp_path / "one", kind), hub, tmp_path / "memory", lambda *one: told.append(one))
    repository = local_hub.repositories[full_name(kind, "tester/one")]
    assert there(local_hub, kind) == FILES
    assert repository.is_private
    assert repository.sdk == ("gradio" if kind == "space" else None)
    assert len(repository.commits) == 2  # the one it was born with
    assert sent.commit == repository.refs["main"]
    assert told
    assert all(done <= total for done, total in told)
    local_hub.cable.mend()
    assert send(parcel(tmp_path / "one", kind), hub, tmp_path / "memory").commit == sent.commit
    assert not [request for request in local_hub.cable.requests if request.startswith("PUT") or "commit" in request]


def requests_of_a_whole_commit(folder: Path, hub: Hub, local_hub: LocalHub) -> int:
    local_hub.cable.mend()
    send(parcel(folder / "whole", "dataset"), hub, folder / "memory-of-whole")
    return len(local_hub.cable.requests)


FAST = [("model", "before", False), ("space", "after", True)]
ALL = [(kind, moment, is_new) for kind in get_args(RepoKind) for moment in get_args(Moment) for is_new in (True, False)]


@pytest.mark.parametrize(
    ("kind", "moment", "is_new"),
    [*FAST, *(pytest.param(*one, marks=pytest.mark.proof) for one in ALL if one not in FAST)],
)
def test_cut_at_every_request_the_old_state_stays_visible_and_it_can_be_continued(
    tmp_path: Path, hub: Hub, local_hub: LocalHub, kind: RepoKind, moment: Moment, is_new: bool
) -> None:
    old = {} if is_new else {**FILES, "README.md": b"old", "adapter_model.safetensors": b"old", "theirs.txt": b"stays"}
    broken = 0
    for at in range(requests_of_a_whole_commit(tmp_path, hub, local_hub)):
        local_hub.repositories.clear()
        local_hub.large.blobs.clear()
        if old:
            (tmp_path / f"old-{at}").mkdir()
            send(parcel(tmp_path / f"old-{at}", kind, **old), hub, tmp_path / f"old-memory-{at}")
        memory = tmp_path / f"memory-{at}"
        new = parcel(tmp_path / f"new-{at}", kind)
        local_hub.cable.cut(at, moment, is_for_good=True)
        with suppress(PublishBroken):  # the last requests only look at what is done
            send(new, hub, memory)
            broken -= 1
        broken += 1
        assert there(local_hub, kind) in (old, {**old, **FILES})  # all of it, or nothing of it
        local_hub.cable.mend()
        sent = send(new, hub, memory)
        assert there(local_hub, kind) == {**old, **FILES}
        assert len(local_hub.repositories[full_name(kind, "tester/one")].commits) == (2 if is_new else 3)
        assert sent.others == (() if is_new else ("theirs.txt",))
    assert broken >= 10


@pytest.mark.parametrize("moment", ["before", pytest.param("after", marks=pytest.mark.proof)])
def test_a_connection_that_breaks_once_at_any_request_does_no_harm(
    tmp_path: Path, hub: Hub, local_hub: LocalHub, moment: Moment
) -> None:
    for at in range(requests_of_a_whole_commit(tmp_path, hub, local_hub)):
        local_hub.repositories.clear()
        local_hub.large.blobs.clear()
        local_hub.cable.cut(at, moment, is_for_good=False)
        send(parcel(tmp_path / f"new-{at}"), hub, tmp_path / f"memory-{at}")
        assert there(local_hub) == FILES
        assert len(local_hub.repositories["tester/one"].commits) == 2


def test_what_arrived_before_a_cut_is_not_sent_again(tmp_path: Path, hub: Hub, local_hub: LocalHub) -> None:
    whole = requests_of_a_whole_commit(tmp_path, hub, local_hub)
    local_hub.repositories.clear()
    local_hub.large.blobs.clear()
    local_hub.cable.cut(whole - 2, "before", is_for_good=True)  # the commit itself
    with pytest.raises(PublishBroken):
        send(parcel(tmp_path / "one"), hub, tmp_path / "memory")
    assert there(local_hub) == {}
    local_hub.cable.mend()
    send(parcel(tmp_path / "one"), hub, tmp_path / "memory")
    assert not [request for request in local_hub.cable.requests if request.startswith("PUT")]


def test_what_somebody_else_has_written_meanwhile_is_never_overwritten_unseen(
    tmp_path: Path, hub: Hub, local_hub: LocalHub
) -> None:
    whole = requests_of_a_whole_commit(tmp_path, hub, local_hub)
    local_hub.large.blobs.clear()
    local_hub.cable.cut(whole - 2, "before", is_for_good=True)
    mine, memory = parcel(tmp_path / "mine"), tmp_path / "memory"
    with pytest.raises(PublishBroken):
        send(mine, hub, memory)
    local_hub.cable.mend()
    theirs = local_hub.repositories["tester/one"].commit({"README.md": b"theirs"})
    with pytest.raises(PublishRefused, match="Somebody else has written to tester/one"):
        send(mine, hub, memory)
    assert local_hub.repositories["tester/one"].refs["main"] == theirs
    send(mine, hub, memory)  # now it is wished
    assert there(local_hub) == FILES


def test_a_hub_that_is_not_there_and_one_that_says_no_are_told_apart(tmp_path: Path, local_hub: LocalHub) -> None:
    with pytest.raises(PublishBroken, match=r"127.0.0.1:9 cannot be reached while making tester/one"):
        send(parcel(tmp_path), Hub("hf_x", "http://127.0.0.1:9", wait=lambda _: None), tmp_path.parent / "memory")
    with pytest.raises(PublishRefused, match="does not let this token"):
        send(parcel(tmp_path), Hub("hf_x", local_hub.url, wait=lambda _: None), tmp_path.parent / "memory")
