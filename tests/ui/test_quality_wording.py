from __future__ import annotations

from data_gen.figures import Coverage
from data_gen.hierarchy import Hierarchy
from data_gen.job import BUILT_IN_HIERARCHY
from data_gen.preferences import DIMENSIONS
from data_gen.quality import report_on
from janus_space.ui import quality_wording
from tests.ui.test_augment_wording import EVIL, record


def test_a_report_shows_its_figures_and_no_foreign_markup() -> None:
    rows = [record(instruction_id="a", set_index=index, output=f"Answer {index}") for index in range(3)]
    shown = quality_wording.report(report_on(rows, Hierarchy.load([BUILT_IN_HIERARCHY])))
    assert "Quality of 3 rows from 1 instructions" in shown
    assert EVIL not in shown
    assert "0 of" in shown


def test_the_sunburst_counts_rare_subdimensions_together() -> None:
    many = {f"sub{number}": 100 - number for number in range(60)}
    one = Coverage(subdimensions={"tone": 3}, known=5, known_used=1, entropy_bits=0, evenness=0)
    coverage = dict.fromkeys(DIMENSIONS, one) | {"style": one.model_copy(update={"subdimensions": many})}
    counts = {found.path: found.count for found in quality_wording.coverage_counts(coverage)}
    assert counts["style",] == sum(many.values())
    below = {path: count for path, count in counts.items() if path[0] == "style" and len(path) == 2}
    assert sum(below.values()) == counts["style",]
    assert len(below) == 25
    assert counts["harmlessness", "tone"] == 3
