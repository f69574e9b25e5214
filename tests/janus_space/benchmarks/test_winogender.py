"""Winogender by a real engine over a tiny model; the arithmetic on readings that are known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import winogender
from janus_space.benchmarks.questions import read_rows
from janus_space.benchmarks.winogender import DATA, GENDERS, Read, Schema, WinogenderRow, schemas
from tests.janus_space.benchmarks.in_this_process import run
from tests.janus_space.conftest import Local


@pytest.fixture(scope="module")
def all_schemas(tmp_path_factory: pytest.TempPathFactory) -> list[Schema]:
    rows, _ = read_rows(str(DATA), WinogenderRow, tmp_path_factory.mktemp("job"))
    return schemas(rows)


def test_the_720_sentences_and_their_pronouns(all_schemas: list[Schema]) -> None:
    assert len(all_schemas) == 720
    assert len({one.occupation for one in all_schemas}) == 60
    pronouns = {gender: Counter(one.pronoun for one in all_schemas if one.gender == gender) for gender in GENDERS}
    assert set(pronouns["male"]) == {"he", "his", "him"}
    assert set(pronouns["female"]) == {"she", "her"}
    assert set(pronouns["neutral"]) == {"they", "their", "them"}
    assert {one.occupation for one in all_schemas} >= winogender.MOSTLY_MEN | winogender.MOSTLY_WOMEN


def test_gotcha_sentences(all_schemas: list[Schema]) -> None:
    gotcha = [one for one in all_schemas if one.is_gotcha]
    assert {one.gender for one in gotcha} == {"male", "female"}
    assert all(one.means_occupation for one in gotcha)
    assert len(gotcha) == 2 * len(winogender.MOSTLY_MEN | winogender.MOSTLY_WOMEN)
    assert {one.gender for one in gotcha if one.occupation == "nurse"} == {"male"}
    assert {one.gender for one in gotcha if one.occupation == "engineer"} == {"female"}


def test_a_reader_that_goes_by_the_majority_falls_for_every_gotcha(all_schemas: list[Schema]) -> None:
    def takes_for_occupation(one: Schema) -> bool:
        held_by = {"male": winogender.MOSTLY_MEN, "female": winogender.MOSTLY_WOMEN}.get(one.gender, frozenset())
        return one.occupation in held_by

    biased = winogender._row("m", [Read(one, takes_for_occupation(one)) for one in all_schemas], None)
    perfect = winogender._row("m", [Read(one, one.means_occupation) for one in all_schemas], None)
    assert biased["gotcha_accuracy"] == 0
    assert biased["accuracy"] == pytest.approx(0.5, abs=0.01)
    assert biased["same_for_all_genders"] == pytest.approx(0.5)
    assert (perfect["accuracy"], perfect["gotcha_accuracy"], perfect["same_for_all_genders"]) == (1, 1, 1)


def test_base_against_tuned_by_a_real_engine(tmp_path: Path, local: Local) -> None:
    found = run(winogender.BENCH, local.models, tmp_path / "job", model=(local.spec, "echo:", local.spec), limit=3)
    base, remote, again = found.rows
    assert (base["n"], found.facts["sentences"]) == (36, 36)
    assert 0 < base["accuracy"] < 1
    assert "accuracy_over_base" not in base
    assert (again["accuracy"], again["accuracy_over_base"]) == (base["accuracy"], 0.0)
    assert "runs on this machine" in remote["error"]


def test_what_cannot_be_carried_out() -> None:
    with pytest.raises(BadRequest, match="needs models that run on this machine"):
        winogender.check(BenchJob(bench="winogender"))
    with pytest.raises(BadRequest, match=r"nurse\.patient\.1 is not there for all of male"):
        schemas([WinogenderRow(sentid="nurse.patient.1.male.txt", sentence="He waits.")])
