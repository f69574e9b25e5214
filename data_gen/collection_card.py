"""The README.md of a dataset folder: what loads it, what it holds, how it was made, and what was not checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from data_gen.columns import Table

_CONFIG = """\
- config_name: {name}
  data_files:
  - split: {split}
    path: {table}.parquet
"""
_CARD = """\
---
configs:
{configs}language_creators:
- machine-generated
tags:
- system-messages
- personalization
- janus-space
- synthetic
---

# A multifaceted collection

{rows} rows from {instructions} instructions: each instruction under up to {sets} system messages, each of which states
the preferences of one imagined person, with an answer written for that person. The construction is that of
["Aligning to Thousands of Preferences via System Message Generalization"](https://arxiv.org/abs/2405.17977);
the prompts are this project's own.

Load it with `datasets.load_dataset` and the path of this folder{more_configs}.

| file | holds |
|---|---|
{files}
## How it was made

Teacher: {teacher}. Everything but the instructions was written by it: before you publish these rows or a model trained
on them, check what its licence allows. `dataset.json` holds the seed, the checksums of the prompts and of every file,
the sources of the instructions, and what the answers cost.

Rows that could not be made: {quarantined}, in `quarantine.jsonl` with the reason and the last answer; rows not asked
for yet: {unfinished}. `left_out.jsonl` tells what was noticed about instructions. Rows with something unusual stay,
and say so in the column `findings`; `quality.md` holds the figures. How well a model tells an instruction's answers
apart by their system messages is measured by `python -m janus_space steer --model embedded:smollm2 --data sft.jsonl`.

No person has read all of this, unless you have.
"""
_HOLDS = {
    "sft": "instructions, preference sets, system messages and gold answers",
    "pairs": "pairs of gold answers: `chosen` was written for `system`, `rejected` for a sibling of it",
    "bench": "the same rows with a rubric for each preference, in the columns of Multifaceted Bench",
}


def card(tables: Sequence[Table], facts: Mapping[str, Any]) -> str:
    """Write the card for these tables from what dataset.json says."""
    configs = "".join(
        _CONFIG.format(name="default" if table == "sft" else table, table=table, split=split_of(table))
        for table in tables
    )
    others = ", ".join(f"`{table}`" for table in tables if table != "sft")
    return _CARD.format(
        configs=configs,
        rows=facts["rows"]["sft"],
        instructions=facts["instructions"],
        sets=facts["sets"],
        more_configs=f"; more configurations: {others}" if others else "",
        files="".join(f"| `{table}.parquet`, `{table}.jsonl` | {_HOLDS[table]} |\n" for table in tables),
        teacher=", ".join(facts["teacher"]),
        quarantined=facts["quarantined"],
        unfinished=facts["unfinished"],
    )


def split_of(table: Table) -> str:
    """Name the one split of a table."""
    return "test" if table == "bench" else "train"
