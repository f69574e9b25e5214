"""A grid to take away: everything as JSON, or one line a cell as CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from gradio.utils import sanitize_value_for_csv

from data_gen.errors import BadRequest
from janus_space.ui.grid_board import GridBoard

Cell = dict[str, Any]


def cells(board: GridBoard) -> list[Cell]:
    """List every scored cell; answers and messages are counted from 1. Raise `BadRequest` if there is none."""
    comparison = board.comparison
    if comparison is None or not board.rows:
        raise BadRequest("There is nothing to export yet: fill a grid first.")
    found = []
    for model, columns in board.by_model().items():
        whole = board.grids.get(model)
        for own, column in enumerate(columns):
            row = board.rows.get(column)
            for message, logprob in enumerate(row.logprobs if row else ()):
                found.append(
                    {
                        "model": model,
                        "scorer": whole.scorer if whole else None,
                        "answer": own + 1,
                        "message": message + 1,
                        "is_own": own == message,
                        "mean_logprob": logprob,
                        "system": comparison.columns[columns[message]].system,
                        "text": board.events[column].text,
                    }
                )
    return found


def as_json(board: GridBoard) -> str:
    """Write the question, each model's figures, and the cells."""
    listed = cells(board)
    assert board.comparison is not None
    grids = [
        {"model": one.model, "scorer": one.scorer, "n": one.n, "diagonal_share": one.won, "margin": one.margin}
        for one in board.grids.values()
    ]
    whole = {"prompt": board.comparison.turns[-1].prompt, "grids": grids, "cells": listed}
    return json.dumps(whole, ensure_ascii=False, indent=2)


def as_csv(board: GridBoard) -> str:
    """Write one line a cell; a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    listed = cells(board)
    text = io.StringIO()
    writer = csv.DictWriter(text, listed[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in cell.items()} for cell in listed)
    return text.getvalue()


def _safe(value: Any) -> Any:
    return sanitize_value_for_csv(value) if isinstance(value, str) else value
