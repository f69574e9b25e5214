"""GlobalOpinionQA in the file's own format, by a real engine over a tiny model."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import opinions
from janus_space.benchmarks.opinions import OpinionRow
from tests.janus_space.benchmarks.in_this_process import run
from tests.janus_space.conftest import Local

# As in Anthropic/llm_global_opinions, data/global_opinions.csv.
TABLE = "defaultdict(<class 'list'>, {{'United States': {us}, 'Japan': {japan}, 'Britain': [0.5, 0.3, 0.2]}})"


def questions(tmp_path: Path, *shares: tuple[str, str], options: str = "['Good', 'Bad', \"Don't know\"]") -> str:
    path = tmp_path / "global_opinions.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "selections", "options", "source"])
        for number, (us, japan) in enumerate(shares):
            writer.writerow([f"Question {number}, is it good?", TABLE.format(us=us, japan=japan), options, "GAS"])
    return str(path)


def test_divergence_from_people_and_from_the_base(tmp_path: Path, local: Local) -> None:
    data = questions(tmp_path, ("[0.2, 0.3, 0.5]", "[1.0, 0.0, 0.0]"), ("[0.6, 0.4, 0.0]", "[]"))
    heard = run(opinions.BENCH, local.models, tmp_path / "job", model=(local.spec, "echo:", local.spec), data=data)
    base, remote, again = heard.rows
    assert (base["n"], base["united_states_n"], base["japan_n"]) == (2, 2, 1)
    assert 0 < base["divergence_united_states"] < 1
    assert 0 < base["divergence_japan"] < 1
    assert "divergence_from_base" not in base
    assert again["divergence_from_base"] == pytest.approx(0, abs=1e-6)
    assert "runs on this machine" in remote["error"]


def test_divergence_is_scipys() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        first, second = random.dirichlet(np.ones(5)), random.dirichlet(np.full(5, 0.2))
        assert opinions.divergence(first, second) == pytest.approx(jensenshannon(first, second, 2) ** 2)
    assert opinions.divergence(np.array([1.0, 0]), np.array([0, 1.0])) == 1


def test_shares_are_those_of_the_options_or_none() -> None:
    row = OpinionRow.model_validate(
        {"question": "q", "options": "['a', 'b']", "selections": "{'x': [2, 6], 'y': [1], 'z': [0.0, 0.0]}"}
    )
    shares = row.people("x")
    assert shares is not None
    assert shares.tolist() == [0.25, 0.75]
    assert row.people("y") is row.people("z") is row.people("nowhere") is None


@pytest.mark.parametrize("cell", ["__import__('os').getcwd()", "[", "[" * 5000 + "]" * 5000])
def test_cells_are_literals_and_never_run(tmp_path: Path, cell: str, local: Local) -> None:
    data = questions(tmp_path, ("[0.2, 0.3, 0.5]", "[]"), options=cell)
    with pytest.raises(BadRequest, match=r"Row 1 of global_opinions\.csv, options"):
        run(opinions.BENCH, local.models, tmp_path / "job", model=(local.spec,), data=data)


def test_what_cannot_be_carried_out(tmp_path: Path, local: Local) -> None:
    with pytest.raises(BadRequest, match="needs models that run on this machine"):
        opinions.check(BenchJob(bench="opinions"))
    with pytest.raises(BadRequest, match="no question that people in United States or Japan"):
        run(opinions.BENCH, local.models, tmp_path / "job", model=(local.spec,), data=questions(tmp_path, ("[]", "[]")))
