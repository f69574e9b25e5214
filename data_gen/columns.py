"""The columns of the files of a dataset folder, declared: a reader that guesses finds no type for a column of nulls."""

from __future__ import annotations

from typing import Any, Literal, get_args

ColumnType = str | list["ColumnType"] | dict[str, "ColumnType"]
"""'string', 'int64' or 'float64'; a list of one type; or named fields."""

Table = Literal["sft", "pairs", "bench"]
TABLES: tuple[Table, ...] = get_args(Table)

_PREFERENCE_SET: ColumnType = [
    {"dimension": "string", "subdimension": "string", "preference": "string", "description": "string"}
]
_SOURCES: dict[str, ColumnType] = {
    "instruction_id": "string",
    "main_source": "string",
    "original_source": "string",
}
_TURNS: ColumnType = [{"role": "string", "content": "string"}]
_SCORES: ColumnType = dict.fromkeys("12345", "string")

COLUMNS: dict[Table, dict[str, ColumnType]] = {
    "sft": _SOURCES
    | {
        "preference_set": _PREFERENCE_SET,
        "system": "string",
        "prompt": "string",
        "output": "string",
        "set_index": "int64",
        "finish_reason": "string",
        "findings": ["string"],
        "unsafe_score": "float64",
    },
    "pairs": _SOURCES
    | {
        "system": "string",
        "prompt": "string",
        "chosen": _TURNS,
        "rejected": _TURNS,
        "chosen_set": "int64",
        "rejected_set": "int64",
    },
    "bench": {
        "instruction_id": "string",
        "source": "string",
        "preference_set": _PREFERENCE_SET,
        "system": "string",
        "prompt": "string",
        "reference_answer": "string",
        "rubrics": [{"criteria": "string", "score_descriptions": _SCORES}],
    },
}


def arrow_schema(table: Table) -> Any:
    """Return the columns as a pyarrow schema."""
    import pyarrow  # imported here: it costs a tenth of a second that --help should not

    names = {"string": pyarrow.string, "int64": pyarrow.int64, "float64": pyarrow.float64}

    def arrow_type(column: ColumnType) -> Any:
        if isinstance(column, str):
            return names[column]()
        if isinstance(column, list):
            return pyarrow.list_(arrow_type(column[0]))
        return pyarrow.struct([(name, arrow_type(inner)) for name, inner in column.items()])

    return pyarrow.schema([(name, arrow_type(column)) for name, column in COLUMNS[table].items()])
