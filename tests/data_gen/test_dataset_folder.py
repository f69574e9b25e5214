from __future__ import annotations

import random
from pathlib import Path

from data_gen.augment import Grown
from data_gen.dataset_folder import Rows
from tests.data_gen.test_export import QUARANTINED, RUBRICS
from tests.sample_records import siblings


def test_rows_come_back_in_canonical_order_whatever_order_they_came_in(tmp_path: Path) -> None:
    grown = [Grown(record, RUBRICS if index % 2 else ()) for index, record in enumerate(siblings("a", 9))]
    order = list(range(9))
    random.Random(0).shuffle(order)
    with Rows(tmp_path) as rows:
        for number in order:
            rows.add(number, grown[number])
        rows.add(9, QUARANTINED[0])
        assert list(rows.grown()) == grown
        assert list(rows.grown()) == grown
        assert list(rows.quarantined()) == QUARANTINED
    assert not list(tmp_path.iterdir())
