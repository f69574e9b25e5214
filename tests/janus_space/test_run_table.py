from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from janus_space.job import Job
from janus_space.run_table import differences


def run(folder: Path, name: str, **request: Any) -> Job:
    (folder / name).mkdir()
    told = {"method": "sft", "model": "embedded:smollm2", "dataset": "rows.jsonl", "seed": 42, **request}
    (folder / name / "request.json").write_text(json.dumps(told))
    return Job("train", name, folder / name)


def test_only_what_is_not_the_same_everywhere_is_listed_in_the_order_of_the_file(tmp_path: Path) -> None:
    jobs = [
        run(tmp_path, "a", learning_rate=1e-4, r=8, machine_rank=0),
        run(tmp_path, "b", learning_rate=2e-4, r=8, machine_rank=1),
        run(tmp_path, "c", learning_rate=2e-4, r=8, method="dpo"),
    ]
    assert differences(jobs) == [("method", ("sft", "sft", "dpo")), ("learning_rate", (1e-4, 2e-4, 2e-4))]
    assert differences(jobs[:1]) == []
