"""Small collections for the tests of the trainer: a dozen instructions, three system messages each, short answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VOICES = {
    "pirate": "Answer like a pirate: loudly, rudely, and never without a parrot.",
    "teacher": "You are a patient teacher who explains hard things to children in short words.",
    "lawyer": "You are a lawyer: name every condition, and promise nothing.",
}
THINGS = ["sky", "sea", "moon", "bread", "rain", "snow", "clock", "river", "tree", "wind", "stone", "bird"]


def answer(voice: str, thing: str) -> str:
    return {
        "pirate": f"Arr! The {thing} be mine, and the parrot says so!",
        "teacher": f"The {thing} is like a friend. Look at it, and it will show you why.",
        "lawyer": f"Subject to conditions, the {thing} may be explained; no liability is accepted.",
    }[voice]


def sft_rows() -> list[dict[str, Any]]:
    return [
        {
            "instruction_id": f"why-{thing}",
            "main_source": "tests",
            "system": system,
            "prompt": f"Tell me why the {thing} is as it is.",
            "output": answer(voice, thing),
        }
        for thing in THINGS
        for voice, system in VOICES.items()
    ]


def pair_rows() -> list[dict[str, Any]]:
    """Every answer against every answer that was written for another system message."""
    rows = sft_rows()
    return [
        {
            **{name: row[name] for name in ("instruction_id", "system", "prompt")},
            "chosen": [_turn("user", row["prompt"]), _turn("assistant", row["output"])],
            "rejected": [_turn("user", row["prompt"]), _turn("assistant", other["output"])],
        }
        for row in rows
        for other in rows
        if other["prompt"] == row["prompt"] and other["system"] != row["system"]
    ]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def dataset_folder(folder: Path) -> Path:
    """Write a folder as data_gen exports it: the tables and dataset.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write_jsonl(folder / "sft.jsonl", sft_rows())
    write_jsonl(folder / "pairs.jsonl", pair_rows())
    (folder / "dataset.json").write_text(json.dumps({"format": "janus-space/dataset/1"}), "utf-8")
    return folder


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
