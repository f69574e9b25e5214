from __future__ import annotations

from pathlib import Path

import pytest

from data_gen.hierarchy import Hierarchy
from data_gen.preferences import PreferenceSet
from data_gen.quality import QualityReport, report_on
from data_gen.quality_page import as_markdown
from data_gen.records import GrownRecord
from data_gen.safety import Scorer
from tests.sample_records import siblings

HIERARCHY = Hierarchy.load([Path(__file__).parents[2] / "assets" / "preferences.json"])


def rows(count: int = 40) -> list[GrownRecord]:
    return [record for number in range(count) for record in siblings(f"i{number}")]


@pytest.fixture(scope="module")
def report() -> QualityReport:
    return report_on(rows(), HIERARCHY)


def test_lengths_are_measured_against_what_is_usual(report: QualityReport) -> None:
    assert (report.rows, report.instructions) == (120, 40)
    system = report.lengths["system words"]
    assert system is not None
    assert (system.n, system.median, system.share_usual) == (120, 131, 1.0)
    described = report.lengths["description words"]
    assert described is not None
    assert described.n == 480


def test_equal_answers_and_descriptions_show_as_likeness(report: QualityReport) -> None:
    same = [record.model_copy(update={"output": "The same answer."}) for record in rows(5)]
    likeness = report_on(same, HIERARCHY).rouge_l_sibling_answers
    assert likeness is not None
    assert (likeness.n, likeness.mean) == (15, 1.0)
    other = report.rouge_l_sibling_answers
    assert other is not None
    assert other.mean < 0.4
    assert report.rouge_l_descriptions["style"] is not None


def test_repeated_messages_and_prompts_are_counted(report: QualityReport) -> None:
    assert (report.near_duplicate_prompts, report.near_duplicate_system_messages) == (0, 0)
    copied = [
        *rows(3),
        *[record.model_copy(update={"instruction_id": "copy"}) for record in siblings("i0")],
    ]
    found = report_on(copied, HIERARCHY)
    assert (found.near_duplicate_prompts, found.near_duplicate_system_messages) == (1, 3)


def test_findings_are_counted_by_kind_and_rows() -> None:
    noted = [
        record.model_copy(update={"findings": (f"system message has {n} words, 115 to 175 are usual",)})
        for n, record in enumerate(siblings("a"))
    ]
    noted[0] = noted[0].model_copy(update={"finish_reason": "length", "unsafe_score": 0.9})
    found = report_on(noted, HIERARCHY)
    assert found.findings == {"system message of unusual length": 3}
    assert (found.cut_off_answers, found.unsafe_rows, found.unsafe_instruction_ids) == (1, 1, ("a",))


def test_leaks_into_benchmarks_are_named(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_text(f'{{"instruction": "{siblings("i1")[0].prompt}"}}\n')
    found = report_on(rows(3), HIERARCHY, [tmp_path / "bench.jsonl"])
    assert [(leak.instruction_id, leak.benchmark, leak.likeness) for leak in found.leaks] == [
        ("i1", "bench.jsonl", 1.0)
    ]


def test_the_scorer_is_named() -> None:
    assert report_on(rows(1), HIERARCHY, scorer=Scorer("mine", lambda _: 0.0)).safety_scorer == "mine"


def test_coverage_tells_spread_from_repetition() -> None:
    def with_subdimensions(record: GrownRecord, index: int) -> GrownRecord:
        chosen = [
            one.model_copy(update={"subdimension": branch.subdimensions[index % 5].id})
            for one, branch in zip(record.preference_set.root, HIERARCHY.dimensions, strict=True)
        ]
        return record.model_copy(update={"preference_set": PreferenceSet.model_validate(chosen)})

    spread_out = report_on([with_subdimensions(row, index) for index, row in enumerate(rows(10))], HIERARCHY)
    always_one = report_on([with_subdimensions(row, 0) for row in rows(10)], HIERARCHY)
    assert spread_out.coverage["style"].evenness == pytest.approx(1.0)
    assert spread_out.coverage["style"].known_used == 5
    assert always_one.coverage["style"].evenness == 0.0
    assert always_one.coverage["style"].subdimensions == {"clarity": 30}


def test_nothing_has_a_report_too() -> None:
    empty = report_on([], HIERARCHY)
    assert (empty.rows, empty.rouge_l_sibling_answers) == (0, None)
    assert "0 rows from 0 instructions" in as_markdown(empty)


def test_the_page_holds_the_figures(report: QualityReport) -> None:
    page = as_markdown(report)
    assert "| system words | 120 | 131 |" in page
    assert "No benchmark was named" in page
    widths = {line.count("|") for line in page.splitlines() if line.startswith("| description words")}
    assert widths == {9}
