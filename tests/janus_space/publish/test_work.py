"""Datasets, Spaces and collections published whole: cut at every request, continued, and read back byte by byte."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from data_gen.job_folder import JobFolder
from janus_space.errors import PublishBroken, PublishRefused
from janus_space.home import Home
from janus_space.publish.hub import Hub
from janus_space.publish.sources import front_matter
from janus_space.publish.space_files import OnHub, pack_space
from janus_space.publish.work import Stopped, Work, publish
from janus_space.publish_order import Hardware, PublishJob
from tests.hub import TOKEN, LocalHub
from tests.hub_cut import Moment
from tests.trainer.sample_rows import sft_rows, write_jsonl


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "janus-home")


def dataset(home: Home, licence: str | None = "cc-by-4.0") -> Path:
    """Write a dataset folder as the house keeps them, with things in it that must not go."""
    folder = home.datasets / "voices"
    folder.mkdir(parents=True)
    write_jsonl(folder / "train.jsonl", sft_rows())
    front = f"---\nlicense: {licence}\n---\n\n" if licence else ""
    (folder / "README.md").write_text(f"{front}# Voices\n\nGrown in {home.folder}/jobs/augment/voices.\n")
    (folder / "dataset.json").write_text(json.dumps({"rows": {"sft": 36}, "sources": [f"{home.folder}/asked.txt"]}))
    (folder / "training_args.bin").write_bytes(b"pickle")
    (folder / "log.txt").write_text("a log")
    (folder / "elsewhere.jsonl").symlink_to(__file__)
    return folder


def work(home: Home, hub: Hub, name: str, *, is_dry_run: bool = False, **request: Any) -> Work:
    folder = home.jobs / "publish" / name
    folder.mkdir(parents=True, exist_ok=True)
    wish = PublishJob(**{"repo_id": "tester/one", **request})
    return Work(wish, JobFolder(folder), home, hub, frozenset(), is_dry_run)


def files(local_hub: LocalHub, name: str) -> dict[str, bytes]:
    repository = local_hub.repositories.get(name)
    return {} if repository is None else dict(repository.commits[repository.refs["main"]])


def log(work: Work) -> str:
    return (work.path / "log.txt").read_text("utf-8")


def test_a_dataset_goes_with_its_card_and_without_what_is_not_for_others(
    home: Home, hub: Hub, local_hub: LocalHub
) -> None:
    dataset(home)
    at_work = work(home, hub, "rows", what="dataset", source="voices")
    end = publish(at_work)
    assert end["state"] == "done"
    assert end["url"] == f"{local_hub.url}/datasets/tester/one"
    assert end["readback"]["is_same"]
    there = files(local_hub, "datasets/tester/one")
    assert there.keys() == {".gitattributes", "README.md", "train.jsonl", "dataset.json"}
    card = there["README.md"].decode()
    assert front_matter(card) == {"license": "cc-by-4.0", "tags": ["janus-space"], "size_categories": ["n<1K"]}
    assert "Grown in voices." in card
    assert json.loads(there["dataset.json"])["sources"] == ["asked.txt"]
    assert str(home.folder).encode() not in b"".join(there.values())
    for told in (
        "training_args.bin (files of this kind can run code when they are opened)",
        "log.txt (it may be a log)",
        "elsewhere.jsonl (it is a link)",
    ):
        assert f"stays here: {told}" in log(at_work)


def test_a_dry_run_lists_everything_and_sends_nothing(home: Home, hub: Hub, local_hub: LocalHub) -> None:
    dataset(home, licence=None)
    end = publish(work(home, hub, "rows", is_dry_run=True, what="dataset", source="voices"))
    assert end["state"] == "estimated"
    assert [file["path"] for file in end["files"]] == ["README.md", "dataset.json", "train.jsonl"]
    assert all(file["size_bytes"] and len(file["sha256"]) == 64 for file in end["files"])
    assert front_matter(end["card"])["license"] == "other"
    assert "The licence of the dataset voices is not known" in end["warnings"][0]
    assert local_hub.repositories == {}


def test_a_licence_that_is_contradicted_is_asked_about_before_anything_is_made(
    home: Home, hub: Hub, local_hub: LocalHub
) -> None:
    dataset(home, licence="cc-by-nc-4.0")
    end = publish(work(home, hub, "rows", what="dataset", source="voices", license="mit"))
    assert end["state"] == "asks"
    assert "non-commercial use only; mit would allow more" in end["questions"]["licence"]
    assert local_hub.repositories == {}


def test_a_secret_stops_everything_and_is_not_repeated(
    home: Home, hub: Hub, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dataset(home)
    rows = sft_rows()
    rows[6]["output"] = "Use hf_" + "Ab1" * 11
    write_jsonl(folder / "train.jsonl", rows)
    with pytest.raises(PublishRefused, match=r"train.jsonl, line 7, holds what looks like a Hugging") as told:
        publish(work(home, hub, "rows", what="dataset", source="voices"))
    assert "Ab1" not in str(told.value)
    rows[6]["output"] = "Use correct-horse-battery"
    write_jsonl(folder / "train.jsonl", rows)
    monkeypatch.setenv("MY_API_KEY", "correct-horse-battery")
    with pytest.raises(PublishRefused, match="a key of this machine"):
        publish(work(home, hub, "rows", what="dataset", source="voices"))
    assert local_hub.repositories == {}


def test_who_may_not_write_is_told_before_anything_is_made(
    home: Home, local_hub: LocalHub, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset(home)
    asked = {"what": "dataset", "source": "voices"}
    for other, repo_id, told in (
        (Hub(None, local_hub.url), "tester/one", "needs a token"),
        (Hub("hf_wrong", local_hub.url), "tester/one", "does not know this token"),
        (hub, "somebody/one", "tester may not write to somebody: publish as tester/one"),
        (hub, "tester/../one", "is no name on the Hub"),
    ):
        with pytest.raises(PublishRefused, match=told):
            publish(work(home, other, "rows", **asked, repo_id=repo_id))
    local_hub.role = "read"
    with pytest.raises(PublishRefused, match="may only read"):
        publish(work(home, hub, "rows", **asked))
    assert local_hub.repositories == {}
    assert "hf_wrong" not in log(work(home, hub, "rows", **asked))


def test_a_space_is_this_app_set_up_for_a_model_on_the_hub(
    home: Home, hub: Hub, local_hub: LocalHub, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base", "revision": "abc"}))
    local_hub.add("tester/model", adapter)
    end = publish(work(home, hub, "space", what="space", source="tester/model", repo_id="tester/my-space"))
    assert end["state"] == "done"
    assert local_hub.repositories["spaces/tester/my-space"].sdk == "gradio"
    there = files(local_hub, "spaces/tester/my-space")
    assert there.keys() >= {"app.py", "requirements.txt", "janus_space/ui/page.py", "assets/models.json"}
    assert there.keys() >= {"data_gen/prompts/response.md", "janus_space/publish/cards/model.md"}
    assert 'MODEL = "hf:org/base@abc+tester/model"' in there["app.py"].decode()
    compile(there["app.py"], "app.py", "exec")
    front = front_matter(there["README.md"].decode())
    assert (front["sdk"], front["app_file"], front["models"]) == ("gradio", "app.py", ["tester/model"])
    assert (front["suggested_hardware"], front["python_version"]) == ("cpu-basic", "3.11")
    assert (front["hf_oauth"], front["hf_oauth_scopes"]) == (True, ["contribute-repos"])
    assert front["hf_oauth_expiration_minutes"] == 480
    assert b"spaces==" not in there["requirements.txt"]
    assert not [path for path in there if "__pycache__" in path or path.startswith("tests/")]


@pytest.mark.parametrize(("hardware", "suggested"), [("zero", "zero-a10g"), ("gpu", "t4-small"), ("cpu", "cpu-basic")])
def test_a_space_is_packed_for_the_hardware_that_was_asked_for(
    home: Home, tmp_path: Path, hardware: Hardware, suggested: str
) -> None:
    model = OnHub("tester/model", "hf:tester/model", 9 * 2**30)
    packed = pack_space(tmp_path / "job", home, model, "tester/space", False, None, hardware)
    front, is_zero = front_matter(packed.card), hardware == "zero"
    assert front["suggested_hardware"] == suggested
    assert front["python_version"] == ("3.12" if is_zero else "3.11")
    pins = (packed.parcel.folder / "requirements.txt").read_text("utf-8")
    assert ("spaces==" in pins) == is_zero
    own = (Path(__file__).parents[3] / "requirements.txt").read_text("utf-8")
    assert pins.startswith(own)
    assert "spaces==" not in own, "the checkout's own file may be linked into the parcel"


def test_a_collection_ties_what_is_there_and_names_what_is_not(home: Home, hub: Hub, local_hub: LocalHub) -> None:
    dataset(home)
    publish(work(home, hub, "rows", what="dataset", source="voices", repo_id="tester/rows"))
    asked = {"what": "collection", "repo_id": "tester/All-of-it"}
    end = publish(work(home, hub, "all", **asked, source="dataset:tester/rows"))
    assert (end["state"], end["items"], end["lacking"]) == ("done", 1, [])
    assert publish(work(home, hub, "all", **asked, source="dataset:tester/rows"))["slug"] == end["slug"]
    with pytest.raises(PublishRefused, match=r"There is no model tester/model on 127\.0\.0\.1"):
        publish(work(home, hub, "all", **asked, source="tester/model"))
    with pytest.raises(PublishRefused, match="write model:, dataset: or space:"):
        publish(work(home, hub, "all", **asked, source="job:tester/model"))


def requests_of(local_hub: LocalHub, at_work: Work) -> int:
    local_hub.cable.mend()
    publish(at_work)
    return len(local_hub.cable.requests)


@pytest.mark.parametrize(
    ("what", "moment"),
    [
        ("dataset", "before"),
        ("collection", "after"),
        pytest.param("dataset", "after", marks=pytest.mark.proof),
        pytest.param("collection", "before", marks=pytest.mark.proof),
    ],
)
def test_cut_at_every_request_and_continued(
    home: Home, hub: Hub, local_hub: LocalHub, what: str, moment: Moment
) -> None:
    dataset(home)
    publish(work(home, hub, "rows", what="dataset", source="voices", repo_id="tester/rows"))
    source = "voices" if what == "dataset" else "dataset:tester/rows"
    broken = 0
    whole = requests_of(local_hub, work(home, hub, "whole", what=what, source=source))
    for at in range(whole):
        local_hub.repositories.pop("datasets/tester/one", None)
        local_hub.collections.by_slug.clear()
        at_work = work(home, hub, f"job-{at}", what=what, source=source)
        local_hub.cable.cut(at, moment, is_for_good=True)
        with suppress(PublishBroken):
            publish(at_work)
            broken -= 1
        broken += 1
        assert files(local_hub, "datasets/tester/one").keys() in (
            set(),
            {".gitattributes"},
            {".gitattributes", "README.md", "dataset.json", "train.jsonl"},
        )
        local_hub.cable.mend()
        end = publish(at_work)
        assert end["state"] == "done"
        if what == "collection":
            (only,) = local_hub.collections.by_slug.values()
            assert [one["id"] for one in only["items"]] == ["tester/rows"]
        else:
            assert end["readback"]["is_same"]
            assert len(local_hub.repositories["datasets/tester/one"].commits) == 2
    assert broken == whole


def test_a_wish_to_stop_is_obeyed_between_stages(home: Home, hub: Hub, local_hub: LocalHub) -> None:
    dataset(home)
    at_work = work(home, hub, "rows", what="dataset", source="voices")
    (at_work.path / "stop").touch()
    with pytest.raises(Stopped):
        publish(at_work)
    assert local_hub.repositories == {}


def test_the_token_is_in_no_file_of_the_job(home: Home, hub: Hub, local_hub: LocalHub) -> None:
    dataset(home)
    publish(work(home, hub, "rows", what="dataset", source="voices"))
    assert not [path for path in home.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in repr(hub)
