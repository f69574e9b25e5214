"""The named endpoints, asked by the real client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from janus_space.verbs import VERBS, CompareRequest
from tests.running_app import RunningApp
from tests.tiny_models import tiny_llama


@pytest.fixture(scope="module")
def client(app: RunningApp) -> Client:
    return Client(app.url, verbose=False)


def test_one_row_a_column_in_order(client: Client) -> None:
    rows = client.predict(
        model=["echo:"], system=["Be brief.", None], prompt="Why?", max_new_tokens=12, api_name="/compare"
    )
    assert [row["system"] for row in rows] == ["Be brief.", None]
    assert rows[0]["text"].startswith("I was told: Be brief.")
    assert rows[1]["text"].startswith("I was told nothing")
    assert rows[0]["finish_reason"] == "length"
    assert rows[0]["tokens"] == 12


def test_its_parameters_are_the_fields_of_the_request(client: Client) -> None:
    endpoint = client.view_api(return_format="dict")["named_endpoints"]["/compare"]
    assert {parameter["parameter_name"] for parameter in endpoint["parameters"]} == set(CompareRequest.model_fields)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"model": ["echo:"], "system": [" "], "prompt": "Why?"}, "the system message is empty"),
        ({"model": ["echo:"], "system": ["x"], "prompt": "Why?", "temperature": 9}, "temperature"),
        ({"model": ["nonsense"], "system": ["x"], "prompt": "Why?"}, "No model goes by"),
        ({"model": ["echo:"] * 2, "system": ["x"] * 3, "prompt": "Why?"}, "do not pair up"),
        ({"model": ["echo:"], "system": ["x"], "prompt": "Why?", "history": "no list"}, "history"),
    ],
)
def test_a_wrong_request_gets_one_sentence(client: Client, wrong: dict, sentence: str) -> None:
    with pytest.raises(AppError, match=sentence):
        client.predict(**wrong, api_name="/compare")


def test_steer_measures_a_file_of_this_machine(client: Client, tmp_path: Path) -> None:
    spec, file = f"path:{tiny_llama(tmp_path / 'tiny')}", tmp_path / "records.jsonl"
    records = [
        {"system": f"You are {who}.", "prompt": "Who?", "output": f"I am {who}."} for who in ("a pirate", "kind")
    ]
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    (row,) = client.predict(model=[spec], data=str(file), device="cpu", api_name="/steer")
    assert (row["model"], row["n"], row["instructions"]) == (spec, 2, 1)
    assert row["margin_ci"][0] <= row["margin"] <= row["margin_ci"][1]
    with pytest.raises(AppError, match="There is no file"):
        client.predict(model=[spec], data=str(tmp_path / "none"), api_name="/steer")


def test_private_events_are_not_offered(client: Client) -> None:
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {f"/{name}" for name in VERBS}
