"""What a rented machine costs, by the price list of the tests' own Hub, asked by the real client in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from janus_space.errors import JobRefused
from janus_space.remote_price import HubSilent, Quote, hub_in_words, machines, quote
from tests.rented_machines import rented_machines
from tests.trainer.sample_rows import dataset_folder
from trainer.config import TrainConfig


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HfApi]:
    with pytest.MonkeyPatch.context() as patched, rented_machines(tmp_path_factory.mktemp("rented")) as (hub, _):
        patched.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield HfApi(endpoint=hub.url)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset_folder(tmp_path_factory.mktemp("rows"))


def priced(api: HfApi, rows: Path | str, flavor: str = "l4x1", hours: float | None = None, **options: Any) -> Quote:
    given = {"method": "sft", "model": "embedded:smollm2", "dataset": str(rows)} | options
    return quote(api, TrainConfig.read(given), flavor, hours)


def test_the_cheapest_machine_comes_first(api: HfApi) -> None:
    assert [one.name for one in machines(api)] == ["cpu-basic", "l4x1", "l40sx4"]


def test_a_price_is_bounded_and_says_how_it_was_found(api: HfApi, rows: Path) -> None:
    found = priced(api, rows)
    assert (round(found.usd_an_hour, 2), found.most_hours, found.machine) == (0.8, 0.5, "1 × L4, 24 GB")
    assert "Calculated, not measured, it takes 0.25 hours, 0.20 USD." in found.sentence
    assert "It is ended after 0.5 hours, so it costs 0.40 USD at most" in found.sentence
    chosen = priced(api, rows, hours=7)
    assert (chosen.expected_hours, chosen.most_hours, round(chosen.most_usd, 2)) == (None, 7, 5.6)


def test_more_work_and_slower_machines_take_longer(api: HfApi, rows: Path) -> None:
    def hours(flavor: str, **options: Any) -> float:
        return priced(api, rows, flavor, **options).expected_hours or 0.0

    long = {"max_steps": 2000, "max_length": 2048}
    assert hours("cpu-basic", **long) > 10 * hours("l4x1", **long) > 10 * 0.25
    assert hours("l40sx4", num_processes=4, **long) < hours("l4x1", **long)
    assert hours("cpu-basic", num_train_epochs=300) > hours("cpu-basic", num_train_epochs=100) > 0.25
    assert priced(api, rows, "cpu-basic", **long).most_hours >= 2 * hours("cpu-basic", **long)


@pytest.mark.parametrize(
    ("flavor", "options", "sentence"),
    [
        ("l4x1", {"device": "cpu"}, "would leave the GPU of l4x1 idle"),
        ("cpu-basic", {"device": "cuda"}, "cpu-basic has no GPU"),
        ("l4x1", {"num_processes": 2}, "l4x1 has 1 GPUs, and 2 are wanted"),
        ("l4x1", {"num_processes": 2, "num_machines": 2}, "a run on rented machines has one"),
        ("l4x1", {"strategy": "deepspeed"}, "write strategy: fsdp"),
        ("l4x1", {"dataset": "hf:some/rows"}, r"\(how many rows there are\): say it with --hours"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_costs(
    api: HfApi, rows: Path, flavor: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(JobRefused, match=sentence):
        priced(api, options.pop("dataset", rows), flavor, **options)


def test_nobody_there_is_said(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(HubSilent, match="The Hub does not answer"):
        machines(HfApi(endpoint="http://127.0.0.1:9"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(JobRefused, match="HF_HUB_OFFLINE forbids"), hub_in_words():
        HfApi().list_jobs_hardware()
