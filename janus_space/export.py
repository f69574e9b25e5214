"""A comparison to take away: as JSON rows, as Markdown to read, as Python that asks it again."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NotRequired, TypedDict

from data_gen.chat import Sampling
from janus_space.comparison import Column, ColumnEvent, Comparison

DEFAULT_ADDRESS = "http://127.0.0.1:7860"


class Row(TypedDict):
    """One column's answer, as the CLI, the API and the export give it."""

    model: str
    system: str | None
    prompt: str
    text: str
    finish_reason: str | None
    tokens: int | None
    ttft_s: float | None
    tokens_per_s: float | None
    error: NotRequired[str]


def row(comparison: Comparison, event: ColumnEvent) -> Row:
    """Give where one column stands as a record; `error` is there only if it failed."""
    column = comparison.columns[event.column]
    completion = event.completion
    timings = completion.timings if completion else None
    given = Row(
        model=column.model,
        system=column.system,
        prompt=comparison.turns[-1].prompt,
        text=event.text,
        finish_reason=completion.finish_reason if completion else "stopped" if event.state == "stopped" else None,
        tokens=completion.tokens if completion else None,
        ttft_s=timings.ttft_s if timings else None,
        tokens_per_s=timings.tokens_per_s if timings else None,
    )
    if event.state == "failed":
        given["error"] = event.note or "It failed without a reason."
    return given


def rows(comparison: Comparison, events: Sequence[ColumnEvent] = ()) -> list[Row]:
    """Give one row a column. A column without an event gives the answer that the last turn keeps, if any."""
    latest = {event.column: event for event in events}
    kept = dict(enumerate(comparison.turns[-1].answers))
    return [
        row(comparison, latest.get(index) or ColumnEvent(column=index, state="waiting", text=kept.get(index) or ""))
        for index in range(len(comparison.columns))
    ]


def figures(answered: Row) -> str:
    """Say in one line how the answer came about, as far as it is known."""
    said = [
        f"{answered['tokens']} tokens" if answered["tokens"] is not None else None,
        f"first after {answered['ttft_s']:.2f} s" if answered["ttft_s"] is not None else None,
        f"{answered['tokens_per_s']:.1f} tokens/s" if answered["tokens_per_s"] is not None else None,
        f"finish reason: {answered['finish_reason']}" if answered["finish_reason"] is not None else None,
    ]
    return " · ".join(figure for figure in said if figure)


def as_json(comparison: Comparison, events: Sequence[ColumnEvent] = ()) -> str:
    """Write the rows as one JSON list."""
    return json.dumps(rows(comparison, events), ensure_ascii=False, indent=2) + "\n"


def as_markdown(comparison: Comparison, events: Sequence[ColumnEvent] = ()) -> str:
    """Write the whole conversation for reading; whatever a person or a model wrote stands verbatim in a fence."""
    blocks = ["# A comparison in Janus Space", "## Columns"]
    for number, column in enumerate(comparison.columns, 1):
        blocks += [_heading(number, column), *_system(column)]
    for turn in comparison.turns[:-1]:
        blocks += ["## Question", _fenced(turn.prompt)]
        for number, (column, answer) in enumerate(zip(comparison.columns, turn.answers, strict=False), 1):
            blocks += [_heading(number, column), "*No answer.*" if answer is None else _fenced(answer)]
    blocks += ["## Question", _fenced(comparison.turns[-1].prompt)]
    for number, (column, answered) in enumerate(zip(comparison.columns, rows(comparison, events), strict=True), 1):
        blocks += [_heading(number, column), *_answer(answered)]
    blocks += ["## Settings", _settings(comparison.sampling)]
    return "\n\n".join(blocks) + "\n"


def as_python(comparison: Comparison, address: str = DEFAULT_ADDRESS) -> str:
    """Write a script that asks a running Janus Space the same. Devices are left out: they belong to one machine."""
    given: dict[str, object] = {
        "model": [column.model for column in comparison.columns],
        "system": [column.system for column in comparison.columns],
        "prompt": comparison.turns[-1].prompt,
        "history": [turn.model_dump(mode="json") for turn in comparison.turns[:-1]],
        **comparison.sampling.model_dump(mode="json"),
        "api_name": "/compare",
    }
    # repr() quotes every text, so nothing that somebody wrote can become code.
    arguments = "\n".join(f"    {name}={_literal(value)}," for name, value in given.items())
    seedless = "" if comparison.sampling.seed is not None else "# No seed was set: each run answers differently.\n"
    return (
        '"""Ask a running Janus Space the same again; needs `pip install gradio_client`."""\n\n'
        "from gradio_client import Client\n\n"
        f"client = Client({address!r})\n"
        f"{seedless}rows = client.predict(\n{arguments}\n)\n"
        "for row in rows:\n"
        '    print(row["model"], row.get("error") or row["text"], sep="\\n", end="\\n\\n")\n'
    )


def _literal(value: object) -> str:
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"        {item!r},\n" for item in value) + "    ]"
    return repr(value)


def _heading(number: int, column: Column) -> str:
    return f"### {number}. {_code_span(column.model)}"


def _system(column: Column) -> list[str]:
    if column.system is None:
        return ["*No system message was sent, on purpose.*"]
    return ["System message:", _fenced(column.system)]


def _answer(answered: Row) -> list[str]:
    blocks = [_fenced(answered["text"])] if answered["text"] else []
    if "error" in answered:
        blocks += ["Failed:", _fenced(answered["error"])]
    if said := figures(answered):
        blocks.append(said)
    return blocks or ["*No answer.*"]


def _settings(sampling: Sampling) -> str:
    lines = ["| setting | value |", "|---|---|"]
    for name, value in sampling.model_dump(mode="json").items():
        shown = _code_span(json.dumps(value, ensure_ascii=False)).replace("|", r"\|")
        lines.append(f"| {name} | {shown} |")
    return "\n".join(lines)


def _fenced(text: str) -> str:
    fence = "`" * max(3, _longest_ticks(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def _code_span(text: str) -> str:
    """Quote on one line; the spaces keep backticks at either end apart from the quotes."""
    ticks = "`" * (_longest_ticks(text) + 1)
    return f"{ticks} {' '.join(text.split())} {ticks}"


def _longest_ticks(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
