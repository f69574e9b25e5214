"""A benchmark's table to take away: CSV, Markdown, LaTeX, or the Hub's eval-results format."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from janus_space.bench_results import Cell, Line, Table, label

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LATEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
)


def as_csv(table: Table) -> str:
    """Write one line a model, with low and high ends of the intervals; a would-be formula gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ends = [column for column in table.columns if any(_interval(line, column) for line in table.lines)]
    head = [
        name
        for column in table.columns
        for name in ([column, f"{column}_low", f"{column}_high"] if column in ends else [column])
    ]
    writer.writerow(["model", "published", "n", *map(_safe, head)])
    for line in table.lines:
        row: list[Any] = [_safe(line.model), line.is_published, "" if line.n is None else line.n]
        for column in table.columns:
            cell = line.cells.get(column)
            row.append("" if cell is None else cell.value)
            if column in ends:
                row += list(cell.interval) if cell and cell.interval else ["", ""]
        writer.writerow(row)
    return text.getvalue()


def as_markdown(table: Table) -> str:
    """Write the table with intervals in brackets, and say below what stands on what."""
    head = ["Model", "n", *map(label, table.columns)]
    lines = ["| " + " | ".join(map(_cell_text, head)) + " |", "|" + "---|" * len(head)]
    for line in table.lines:
        name = f"{line.model} (published)" if line.is_published else line.model
        told = [
            name,
            "" if line.n is None else str(line.n),
            *(_figure(line.cells.get(column)) for column in table.columns),
        ]
        lines.append("| " + " | ".join(map(_cell_text, told)) + " |")
    return "\n".join([*lines, "", *_notes(table), ""])


def as_latex(table: Table) -> str:
    """Write a booktabs table."""
    head = " & ".join(_escaped(one) for one in ["Model", *map(label, table.columns)])
    lines = [rf"\begin{{tabular}}{{l{'c' * len(table.columns)}}}", r"\toprule", rf"{head} \\", r"\midrule"]
    was_ours = True
    for line in table.lines:
        if line.is_published and was_ours:
            lines.append(r"\midrule")
            was_ours = False
        cells = [_latex_figure(line.cells.get(column)) for column in table.columns]
        lines.append(rf"{' & '.join([_escaped(line.model), *cells])} \\")
    lines += [r"\bottomrule", r"\end{tabular}", *(f"% {note}" for note in _notes(table))]
    return "\n".join(lines) + "\n"


def as_eval_results(table: Table) -> str:
    """Write our rows as the Hub's model-index: one entry a model, each figure a metric."""
    entries = []
    for line in table.ours:
        metrics = [
            {"type": column, "name": label(column), "value": cell.value}
            | ({"confidence_interval": list(cell.interval)} if cell.interval else {})
            for column, cell in line.cells.items()
        ]
        dataset = {"name": table.bench, "type": str(table.facts.get("data", table.bench))}
        result = {"task": {"type": "text-generation"}, "dataset": dataset, "metrics": metrics}
        entries.append({"name": line.model, "results": [result]})
    return str(yaml.safe_dump({"model-index": entries}, allow_unicode=True, sort_keys=False))


FORMATS: dict[str, tuple[str, Callable[[Table], str]]] = {
    "csv": ("CSV", as_csv),
    "markdown": ("Markdown", as_markdown),
    "latex": ("LaTeX", as_latex),
    "eval-results": ("Hub eval-results", as_eval_results),
}


def _notes(table: Table) -> Iterator[str]:
    told = [f"{name}: {value}" for name, value in table.facts.items() if isinstance(value, str | int | float)]
    yield f"{table.bench}; " + "; ".join(told)
    if table.source:
        yield f"Published rows: {table.source}; {table.note}. They stand on other data or judges than ours."


def _figure(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return number(cell.value) + (f" [{number(cell.interval[0])}, {number(cell.interval[1])}]" if cell.interval else "")


def _latex_figure(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    if cell.interval is None:
        return number(cell.value)
    return rf"{number(cell.value)} {{\scriptsize [{number(cell.interval[0])}, {number(cell.interval[1])}]}}"


def number(value: float) -> str:
    """Write a figure with as many places as it deserves: 1,234, 26.9, 4.17, 0.054."""
    size = abs(value)
    if float(value).is_integer() and size >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def _interval(line: Line, column: str) -> tuple[float, float] | None:
    cell = line.cells.get(column)
    return cell.interval if cell else None


def _cell_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _escaped(text: str) -> str:
    return text.translate(_LATEX)


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
