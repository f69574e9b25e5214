from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from janus_space.job import Job, Status
from janus_space.ui.publish_wording import asked, figures, without_front_matter


def shown(folder: Path, status: Status, end: dict[str, Any] | None = None, *stages: str, **request: Any) -> str:
    (folder / "request.json").write_text(json.dumps({"what": "dataset", **request}))
    events = [{"event": "stage", "name": name} for name in stages]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    if end is not None:
        (folder / "exit.json").write_text(json.dumps(end))
    return figures(Job("publish", "one", folder), status)


def test_the_way_shows_what_is_done_under_way_and_ahead(tmp_path: Path) -> None:
    told = shown(tmp_path, "running", None, "whoami", "pack", "send")
    assert [told.count(f"<li class='{state}'>") for state in ("done", "now", "ahead")] == [2, 1, 1]
    chain = shown(tmp_path, "running", None, "validate", "estimate", "train", config={"method": "sft"})
    assert "<li class='now'>Train</li>" in chain
    assert chain.count("<li") == 9


def test_a_finished_one_links_to_what_is_there_and_to_nothing_else(tmp_path: Path) -> None:
    end = {"state": "done", "url": "https://hub/me/x", "readback": {"is_same": True}, "roundtrip": {"prompts": 20}}
    told = shown(tmp_path, "finished", end, "whoami", "readback")
    assert "<a href='https://hub/me/x'" in told
    assert "answers to 20 prompts" in told
    assert "href" not in shown(tmp_path, "finished", {**end, "url": "javascript:alert(1)"})
    assert "href" not in shown(tmp_path, "failed", end)


def test_files_reasons_and_warnings_are_listed_and_escaped(tmp_path: Path) -> None:
    parcel = {"files": [{"path": "<img>.jsonl", "size_bytes": 1234, "sha256": "abc" * 21}]}
    told = {"parcel": parcel, "skipped": [["<b>.bin", "why"]], "warnings": ["<i>careful"]}
    (tmp_path / "parcel.json").write_text(json.dumps(told))
    html = shown(tmp_path, "stopped")
    assert "1 files, 1,234 bytes" in html
    assert "abcabcabcabc<" in html
    for tag in ("<img>", "<b>", "<i>"):
        assert tag not in html


def test_questions_and_cards() -> None:
    assert asked({}) == ""
    assert "&lt;b&gt; or not" in asked({"licence": "<b> or not"})
    assert without_front_matter("---\nlicense: mit\n---\n\n# One\n") == "# One\n"
    assert without_front_matter("# One\n") == "# One\n"
