"""A report as the paper's table: ours above the published rows, and every judged answer found again."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from janus_space.bench_export import FORMATS, as_csv, as_eval_results, as_latex, as_markdown, number
from janus_space.bench_results import Table, judged, questions, table, table_of
from janus_space.job import Job

REPORT = {
    "bench": "multifaceted",
    "rows": [
        {
            "model": "=cmd|' /C calc'!A0",
            "n": 12,
            "score": 3.25,
            "score_ci": [2.5, 4.0],
            "sources": {"mf-Koala": {"score": 3.5, "score_ci": None, "n": 6}},
            "power": 0.81,
            "may_claim": True,
            "unscored": 2,
        },
        {"model": "path:/a_b & c", "n": 0, "error": "It gave no answers."},
    ],
    "judge": "openai:judge",
    "data": "bench.jsonl",
}


@pytest.fixture
def found() -> Table:
    return table(REPORT)


def test_ours_stand_above_the_published_rows_of_the_same_benchmark(found: Table) -> None:
    assert [line.model for line in found.ours] == ["=cmd|' /C calc'!A0", "path:/a_b & c"]
    assert found.columns[:3] == ("score", "power", "mf-Koala")
    assert found.ours[0].cells["score"].interval == (2.5, 4.0)
    assert found.ours[0].cells["mf-Koala"].value == 3.5
    janus = next(line for line in found.lines if line.model == "Janus+DPO 7B")
    assert (janus.is_published, janus.cells["score"].value, janus.cells["mf-MT-Bench"].value) == (True, 4.24, 4.21)
    assert "Table 2" in found.source
    assert "unscored" not in found.columns


def test_a_benchmark_that_the_paper_does_not_have_stands_alone() -> None:
    assert table({"bench": "steer", "rows": [{"model": "m", "margin": 0.1}]}).columns == ("margin",)


def test_csv_reads_back_and_holds_no_formula(found: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert rows[0]["model"] == "'=cmd|' /C calc'!A0"
    assert (float(rows[0]["score"]), float(rows[0]["score_low"]), float(rows[0]["score_high"])) == (3.25, 2.5, 4.0)
    assert rows[1]["score"] == ""
    assert {row["published"] for row in rows[2:]} == {"True"}


def test_markdown_has_as_many_cells_in_every_row(found: Table) -> None:
    lines = [line for line in as_markdown(found).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "3.25 [2.50, 4.00]" in lines[2]
    assert "Janus 7B (published)" in as_markdown(found)


def test_latex_escapes_what_would_break_it(found: Table) -> None:
    text = as_latex(found)
    assert r"path:/a\_b \& c" in text
    assert text.count(r"\midrule") == 2
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.replace(r"\&", "").count("&") for line in body}) == 1


def test_eval_results_are_a_model_index_of_ours_alone(found: Table) -> None:
    index = yaml.safe_load(as_eval_results(found))["model-index"]
    assert len(index) == 2
    (result,) = index[0]["results"]
    assert {"type": "score", "name": "Score", "value": 3.25, "confidence_interval": [2.5, 4.0]} in result["metrics"]


def test_every_format_writes_every_bench(found: Table) -> None:
    assert all(write(found).strip() for _, write in FORMATS.values())


@pytest.mark.parametrize(("value", "told"), [(1234, "1,234"), (26.94, "26.9"), (4.174, "4.17"), (0.0538, "0.054")])
def test_a_figure_has_as_many_places_as_it_deserves(value: float, told: str) -> None:
    assert number(value) == told


def test_an_answer_is_found_with_its_verdicts_though_a_line_is_torn(tmp_path: Path) -> None:
    job = Job("bench", "one", tmp_path)
    assert table_of(job) is None
    assert questions(job) == []
    answers = [{"model": m, "question": "q/1", "system": "Be brief.", "prompt": "Why?", "answer": m} for m in "ab"]
    verdicts = [{"model": "a", "question": "q/1", "score": 4, "feedback": "Good."}, {"question": "q/1", "canary": "x"}]
    (tmp_path / "answers.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in answers) + '{"model": "c"', "utf-8"
    )
    (tmp_path / "judgements.jsonl").write_text("".join(json.dumps(row) + "\n" for row in verdicts), "utf-8")
    (tmp_path / "report.json").write_text(json.dumps(REPORT), "utf-8")
    assert questions(job) == ["q/1"]
    one = judged(job, "q/1")
    assert one is not None
    assert (one.system, one.prompt, dict(one.answers)) == ("Be brief.", "Why?", {"a": "a", "b": "b"})
    assert [row["score"] for row in one.judgements["a"]] == [4]
    assert judged(job, "q/2") is None
    assert table_of(job) == table(REPORT)
