from __future__ import annotations

from collections import Counter
from pathlib import Path

from data_gen.figures import coverage, spread
from data_gen.floors import floors
from data_gen.hierarchy import Hierarchy

HIERARCHY = Hierarchy.load([Path(__file__).parents[2] / "assets" / "preferences.json"])


def kept(rows: int, chosen: Counter[str], likeness: float) -> dict[str, bool | None]:
    coverages = {"style": coverage(chosen, HIERARCHY, "style")}
    alike = spread([likeness])
    return {one.what: one.is_kept for one in floors(rows, coverages, {"style": alike}, alike)}


def test_a_varied_dataset_reaches_them_and_a_monotonous_one_does_not() -> None:
    known = [one.id for branch in HIERARCHY.dimensions if branch.id == "style" for one in branch.subdimensions]
    assert set(kept(60, Counter(dict.fromkeys(known, 10)), 0.1).values()) == {True}
    assert set(kept(60, Counter({known[0]: 59, known[1]: 1}), 0.9).values()) == {False}


def test_a_few_rows_are_not_judged() -> None:
    assert set(kept(5, Counter({"clarity": 5}), 0.9).values()) == {None}
