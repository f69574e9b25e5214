from __future__ import annotations

import json
from pathlib import Path

from janus_space.publish import paths


def test_paths_of_this_machine_are_cut_to_their_last_name_and_rows_are_left_alone(tmp_path: Path) -> None:
    house = tmp_path / "home-of-me"
    parcel = tmp_path / "parcel"
    parcel.mkdir()
    told = {
        "dataset": f"{house}/datasets/voices",
        "model": f"path:{house}/models/base+{house}/jobs/train/x/adapter",
        "list": [{f"{house}/key": f"in {house}, and {house}/a.txt."}],
        "hub": "org/name",
        "number": 1.5,
    }
    original = tmp_path / "original.json"
    original.write_text(json.dumps(told))
    (parcel / "request.json").hardlink_to(original)
    (parcel / "README.md").write_text(f"Made in `{house}/jobs/augment/voices` of {house}.\n")
    (parcel / "rows.jsonl").write_text(json.dumps({"output": f"cd {house}/x"}))
    roots = paths.roots(house)
    assert paths.rewrite(parcel, roots) == ["README.md", "request.json"]
    assert json.loads((parcel / "request.json").read_text()) == {
        "dataset": "voices",
        "model": "path:base+adapter",
        "list": [{"key": "in home-of-me, and a.txt."}],
        "hub": "org/name",
        "number": 1.5,
    }
    assert (parcel / "README.md").read_text() == "Made in `voices` of home-of-me.\n"
    assert json.loads(original.read_text()) == told  # the run's own file is another one
    assert paths.mentions(parcel, roots) == ["rows.jsonl"]
    assert paths.rewrite(parcel, roots) == []
