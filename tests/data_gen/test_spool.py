from __future__ import annotations

import random
from pathlib import Path

from data_gen.spool import Spool


def test_lines_come_back_by_number(tmp_path: Path) -> None:
    numbers = random.Random(0).sample(range(10_000), 500)
    with Spool(tmp_path / "s") as spool:
        for number in numbers:
            spool.add(number, f"line {number} – \u2028 still the same line")
        assert len(spool) == 500
        assert list(spool) == [f"line {number} – \u2028 still the same line" for number in sorted(numbers)]
        spool.add(-1, "one more")
        assert next(iter(spool)) == "one more"
    assert not (tmp_path / "s").exists()


def test_what_a_killed_run_left_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("torn")
    with Spool(tmp_path / "s") as spool:
        assert list(spool) == []
