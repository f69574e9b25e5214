"""The project's own collection keeps the paper's schema and the rules it was written by."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations, product
from pathlib import Path

import pytest

from data_gen.asking import Answer
from data_gen.findings import findings_of
from data_gen.hierarchy import Hierarchy
from data_gen.preferences import DIMENSIONS, PreferenceSet
from data_gen.quality import report_on
from data_gen.records import BenchRecord, GrownRecord, SftRecord
from data_gen.rouge import rouge_l

ASSETS = Path(__file__).parents[2] / "assets"
FOLDER = ASSETS / "multifaceted_mini"
SPLITS = ("train", "test")
COLUMNS = ["instruction_id", "main_source", "original_source", "preference_set", "system", "prompt", "output"]
BENCH_COLUMNS = ["instruction_id", "source", "preference_set", "system", "prompt", "reference_answer", "rubrics"]
# The five most frequent of each dimension in the paper's collection.
PAPERS_SUBDIMENSIONS = {
    "style": {"clarity", "conciseness", "format", "tone", "vividness"},
    "background_knowledge": {"novice", "basic", "intermediate", "advanced", "expert"},
    "informativeness": {"creativity", "depth", "efficiency", "practicality", "relevance"},
    "harmlessness": {"accuracy", "morality", "safety", "sensitivity", "trustworthiness"},
}
# Measured: siblings at most 0.28 (answers) and 0.22 (system messages), instructions across the split at most 0.43.
MOST_ALIKE_SIBLINGS, MOST_ALIKE_INSTRUCTIONS = 0.35, 0.5


def _rows(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def _records(split: str) -> list[SftRecord]:
    return [SftRecord.model_validate(row) for row in _rows(split)]


def _instructions(split: str) -> list[list[SftRecord]]:
    records = _records(split)
    return [records[start : start + 3] for start in range(0, len(records), 3)]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


@pytest.mark.parametrize("name", [*SPLITS, "bench"])
def test_the_columns_are_the_papers(name: str) -> None:
    for number, row in enumerate(_rows(name), 1):
        assert list(row) == (BENCH_COLUMNS if name == "bench" else COLUMNS), number
        preferences = PreferenceSet.model_validate(row["preference_set"]).root
        assert [preference.dimension for preference in preferences] == list(DIMENSIONS), number


@pytest.mark.parametrize("split", SPLITS)
def test_every_instruction_is_answered_for_three_people(split: str) -> None:
    for siblings in _instructions(split):
        name = siblings[0].instruction_id
        assert len({one.instruction_id for one in siblings}) == len({one.prompt for one in siblings}) == 1, name
        assert len({one.system for one in siblings}) == len({one.output for one in siblings}) == 3, name
    assert set(Counter(one.instruction_id for one in _records(split)).values()) == {3}


def test_there_are_enough_and_the_card_counts_them() -> None:
    card = (FOLDER / "README.md").read_text("utf-8")
    train, test = (len(_instructions(split)) for split in SPLITS)
    assert train + test >= 200
    assert test >= 40
    for name, instructions in (("train", train), ("test", test), ("bench", test)):
        assert f"| `{name}.jsonl` | {instructions} | {len(_rows(name))} |" in card


@pytest.mark.parametrize("split", SPLITS)
def test_lengths_are_those_asked_for(split: str) -> None:
    for record in _records(split):
        name = record.instruction_id
        assert 90 <= len(record.system.split()) <= 170, name
        assert 60 <= len(record.output.split()) <= 220, name
        assert 6 <= len(record.prompt.split()) <= 60, name


@pytest.mark.parametrize("split", SPLITS)
def test_all_the_papers_subdimensions_occur(split: str) -> None:
    for dimension, expected in PAPERS_SUBDIMENSIONS.items():
        chosen = (one for record in _records(split) for one in record.preference_set.root)
        assert expected <= {one.subdimension for one in chosen if one.dimension == dimension}


@pytest.mark.parametrize("column", ["system", "output"])
def test_hardly_two_texts_open_alike(column: str) -> None:
    records = [record for split in SPLITS for record in _records(split)]
    openings = Counter(" ".join(_words(getattr(record, column))[:5]) for record in records)
    alike = sum(count for count in openings.values() if count > 1)
    assert alike <= 0.02 * len(records), [opening for opening, count in openings.items() if count > 1]


@pytest.mark.parametrize("split", SPLITS)
def test_siblings_are_told_apart_by_their_words(split: str) -> None:
    for siblings in _instructions(split):
        for one, other in combinations(siblings, 2):
            assert rouge_l(one.output, other.output) <= MOST_ALIKE_SIBLINGS, one.instruction_id
            assert rouge_l(one.system, other.system) <= MOST_ALIKE_SIBLINGS, one.instruction_id


def test_train_and_test_share_no_instruction() -> None:
    train, test = ([siblings[0] for siblings in _instructions(split)] for split in SPLITS)
    assert not {one.instruction_id for one in train} & {one.instruction_id for one in test}
    for one, other in product(test, train):
        assert rouge_l(one.prompt, other.prompt) <= MOST_ALIKE_INSTRUCTIONS, (one.prompt, other.prompt)


def test_the_bench_is_the_test_split_with_four_rubrics_each() -> None:
    criteria: list[str] = []
    for row, own in zip(_rows("bench"), _records("test"), strict=True):
        bench = BenchRecord.model_validate(row)
        shared = ("instruction_id", "preference_set", "system", "prompt")
        assert all(getattr(bench, column) == getattr(own, column) for column in shared), own.instruction_id
        assert (bench.source, bench.reference_answer) == (own.original_source, own.output), own.instruction_id
        for rubric in bench.rubrics:
            descriptions = rubric.score_descriptions.model_dump(by_alias=True)
            assert list(descriptions) == ["1", "2", "3", "4", "5"]
            assert len(set(descriptions.values())) == 5, (own.instruction_id, rubric.criteria)
            criteria.append(rubric.criteria)
    assert len(set(criteria)) == len(criteria)


def test_the_collection_passes_its_own_quality_report() -> None:
    rows = [row for split in SPLITS for row in _records(split)]
    report = report_on([_grown(row, number % 3) for number, row in enumerate(rows)], _hierarchy())
    assert [floor.what for floor in report.floors if not floor.is_kept] == []
    assert report.near_duplicate_prompts == report.near_duplicate_system_messages == 0
    descriptions = report.lengths["description words"]
    assert descriptions is not None
    assert (descriptions.share_usual or 0.0) >= 0.99


def _hierarchy() -> Hierarchy:
    return Hierarchy.load([ASSETS / "preferences.json"])


def _grown(record: SftRecord, set_index: int) -> GrownRecord:
    findings = findings_of(record.preference_set, record.system, record.prompt, Answer(record.output, "stop"))
    return GrownRecord(**dict(record), set_index=set_index, finish_reason="stop", findings=findings)
