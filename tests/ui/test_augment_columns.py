from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from data_gen.instructions import Columns
from janus_space.ui.augment_columns import LABELS, ColumnsView, build_columns, columns_given, columns_shown


@pytest.fixture
def view() -> ColumnsView:
    with gr.Blocks():
        return build_columns()


def shown(view: ColumnsView, source: str, file: Path | None) -> tuple[bool, list[dict[str, Any]]]:
    updates = asyncio.run(columns_shown(view, source, str(file) if file else None))
    return updates[view.panel]["visible"], [updates[field] for field in view.fields]


def test_every_column_of_the_request_can_be_chosen() -> None:
    assert tuple(LABELS) == tuple(Columns.model_fields)


def test_a_file_brings_its_columns_and_the_guesses(view: ColumnsView, tmp_path: Path) -> None:
    file = tmp_path / "alpaca.csv"
    file.write_text("instruction,input,dataset,label\nDo it:,this,d,x\n")
    is_visible, fields = shown(view, "file", file)
    assert is_visible
    assert [field["value"] for field in fields] == ["instruction", "input", "dataset", None, None]
    assert fields[0]["choices"] == ["instruction", "input", "dataset", "label"]
    assert all(field["choices"] == [("No column", ""), *fields[0]["choices"]] for field in fields[1:])
    # What was guessed is named in the request: what a person has seen is what is done.
    named = columns_given([field["value"] for field in fields], is_file=True)
    assert named == Columns(prompt_column="instruction", more_column="input", main_source_column="dataset")


def test_columns_of_a_dataset_on_the_hub_are_typed_and_those_of_a_paste_are_not_asked_for(view: ColumnsView) -> None:
    on_hub, fields = shown(view, "hub", None)
    assert on_hub
    assert all((field["value"], field["choices"]) == (None, []) for field in fields)
    assert columns_given(["q", "", "", "", ""], is_file=False) == Columns(prompt_column="q")
    assert not shown(view, "paste", None)[0]
    assert not shown(view, "file", None)[0]


def test_what_is_no_table_is_told(view: ColumnsView, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text("\n")
    with pytest.raises(BadRequest, match="no row that can be read"):
        shown(view, "file", file)
