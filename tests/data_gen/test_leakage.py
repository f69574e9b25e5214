from __future__ import annotations

import json
from pathlib import Path

from data_gen.leakage import LeakSearch

ASKED = "Compose an engaging travel blog post about a recent trip to Hawaii, highlighting cultural experiences."


def test_the_most_alike_instruction_of_any_benchmark_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"turns": ["What is the time in a town?", "And now?"]}) + "\n")
    (tmp_path / "b.jsonl").write_text(json.dumps({"prompt": ASKED}) + "\n\n")
    search = LeakSearch([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    leak = search.find("i1", ASKED.upper().replace("RECENT ", ""))
    assert leak is not None
    assert (leak.instruction_id, leak.benchmark) == ("i1", "b.jsonl")
    assert 0.7 <= leak.likeness < 1
    assert search.find("i2", "Write about something else entirely, please.") is None


def test_without_benchmarks_nothing_is_found() -> None:
    assert LeakSearch([]).find("i1", ASKED) is None
