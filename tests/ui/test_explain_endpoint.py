"""The named endpoint `steer`, given the records themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from data_gen.errors import BadRequest
from janus_space.verbs import MAX_RECORDS, VERBS
from tests.running_app import RunningApp
from tests.tiny_models import tiny_llama

RECORDS = [
    {"system": f"You are {who}.", "prompt": "Who are you?", "output": f"I am {who}."}
    for who in ("a pirate", "a poet", "kind")
]


def test_it_measures_records_that_a_script_holds(app: RunningApp, tmp_path: Path) -> None:
    client, spec = Client(app.url, verbose=False), f"path:{tiny_llama(tmp_path / 'tiny')}"
    (row,) = client.predict(model=[spec], data=RECORDS, device="cpu", api_name="/steer")
    assert (row["model"], row["n"], row["instructions"]) == (spec, 3, 1)
    assert row["margin_ci"][0] <= row["margin"] <= row["margin_ci"][1]
    with pytest.raises(AppError, match=r"record 2: there is no .*output"):
        client.predict(model=[spec], data=[RECORDS[0], {"system": "x", "prompt": "y"}], api_name="/steer")


@pytest.mark.parametrize("data", [[], 5, ["text"], [{}] * (MAX_RECORDS + 1)])
def test_what_is_no_file_and_no_list_of_records_is_refused(data: object) -> None:
    with pytest.raises(BadRequest, match=r"^data: "):
        VERBS["steer"].read(model=["embedded:smollm2"], data=data)
