"""Benchmarks in words: what each one is, what a sample tells, the paper's table, and one question with its verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from janus_space.bench_export import number
from janus_space.bench_results import Cell, Judged, Line, Table, label
from janus_space.benchmarks.table import BENCHES
from janus_space.job import Job, Status
from janus_space.ui import job_wording

NAMES = {
    "multifaceted": "Multifaceted",
    "alpaca": "AlpacaEval 2.0",
    "mt": "MT-Bench",
    "arena-hard": "Arena-Hard",
    "toxicity": "Toxicity",
    "winogender": "Winogender",
    "opinions": "Opinions",
    "steer": "Steerability",
    "self-attribution": "Self-attribution",
}
_WIDEST = {"multifaceted": 2.0, "mt": 4.5}
"""Half the range of a score: no sample can be spread more widely."""
_Z = 1.96


def name(bench: str) -> str:
    """Name a benchmark for people."""
    return NAMES.get(bench, bench)


def about(bench: str, limit: int | None, tables: Iterable[Table]) -> str:
    """Say what a benchmark is, and how exact a sample of that size will be."""
    told = f"{BENCHES[bench].summary}."
    if limit:
        told += " " + _exactness(bench, limit, tables)
    return f"<p class='status-line'>{escape(told[:1].upper() + told[1:])}</p>"


def _exactness(bench: str, limit: int, tables: Iterable[Table]) -> str:
    """Scale an interval that was measured here, or give the widest that can be."""
    for table in tables:
        for line in table.ours if table.bench == bench else ():
            column = next((one for one in table.columns if one in line.cells and line.cells[one].interval), None)
            count = table.facts.get("instructions") or line.n
            if column is None or not count:
                continue
            low, high = line.cells[column].interval or (0.0, 0.0)
            half = (high - low) / 2 * math.sqrt(int(count) / limit)
            return f"{limit} questions tell “{label(column)}” to about ± {number(half)}, going by an earlier job here."
    half = _Z * _WIDEST.get(bench, 0.5) / math.sqrt(limit)
    return f"{limit} questions tell a share or score to ± {number(half)} at worst."


def command(words: Sequence[str]) -> str:
    """Show the command that does the same."""
    return (
        "<p class='hint'>The same from the command line</p>"
        f"<pre class='command' tabindex='0' aria-label='Command'>{escape(' '.join(words))}</pre>"
    )


def figures(job: Job, status: Status) -> str:
    """Show how far a job is, and what the judge has cost."""
    progress = next((one for one in reversed(job.events()) if one.get("event") == "progress"), None)
    if progress is None:
        return ""
    done, of, what = int(progress["done"]), int(progress["of"]), str(progress["what"])
    told = [("Now" if status == "running" else "Last", f"{done:,} of {of:,} {what}")]
    if job.request.get("price_in") is not None:
        told.append(("Spent", f"{float(progress.get('spent_usd') or 0):.4f} USD"))
    return job_wording.bar(done, of, what) + job_wording.facts(told)


def results(table: Table) -> str:
    """Show the table, ours above the published rows, with what it rests on."""
    head = "".join(f"<th scope='col'>{escape(label(column))}</th>" for column in table.columns)
    body = "".join(_row(line, table) for line in table.ours)
    published = [line for line in table.lines if line.is_published]
    if published:
        told = f"Published: {table.source}; {table.note}. Not the same data or judge as above: read down, not across."
        body += f"<tr class='divider'><th colspan='{len(table.columns) + 2}' scope='rowgroup'>{escape(told)}</th></tr>"
        body += "".join(_row(line, table) for line in published)
    weak = escape(", ".join(line.model for line in table.ours if not line.may_claim))
    warning = f"<p class='note'>No ranking: judge power is below 0.7, or unknown, for {weak}.</p>" if weak else ""
    return (
        f"<h3>{escape(name(table.bench))}</h3>{warning}<div class='table-scroll' tabindex='0' role='region'"
        f" aria-label='Results'><table class='results'><thead><tr><th scope='col'>Model</th><th scope='col'>n</th>"
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>{chart(table)}{_facts(table)}"
    )


def _row(line: Line, table: Table) -> str:
    kind = "published" if line.is_published else "ours"
    if line.error:
        told = f"<td colspan='{len(table.columns) + 1}' class='failed'>{escape(line.error)}</td>"
    else:
        told = f"<td>{'' if line.n is None else f'{line.n:,}'}</td>"
        told += "".join(f"<td>{_cell(line.cells.get(column))}</td>" for column in table.columns)
    return f"<tr class='{kind}'><th scope='row'>{escape(line.model)}</th>{told}</tr>"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    told = number(cell.value)
    if cell.interval is not None:
        told += f"<small>{number(cell.interval[0])} to {number(cell.interval[1])}</small>"
    return told


def chart(table: Table) -> str:
    """Draw our models' first figure that has an interval, as bars with whiskers."""
    column = next((one for one in table.columns if any(_interval(line, one) for line in table.ours)), None)
    lines = [line for line in table.ours if column is not None and column in line.cells]
    if column is None or len(lines) < 2:
        return ""
    ends = [end for line in lines for end in (_interval(line, column) or (line.cells[column].value,) * 2)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (high - low) or 1.0
    rows = "".join(_bar(line, column, low, span) for line in lines)
    return f"<figure class='bars'><figcaption>{escape(label(column))}, with 95% intervals</figcaption>{rows}</figure>"


def _bar(line: Line, column: str, low: float, span: float) -> str:
    def at(value: float) -> float:
        return 100 * (value - low) / span

    cell = line.cells[column]
    zero, end = sorted((at(0.0), at(cell.value)))
    whisker = ""
    if cell.interval is not None:
        first, last = map(at, cell.interval)
        whisker = f"<i class='whisker' style='left:{first:.2f}%;width:{last - first:.2f}%'></i>"
    told = f"{line.model}: {number(cell.value)}"
    return (
        f"<div class='bar-row'><span>{escape(line.model)}</span><span class='track' role='img'"
        f" aria-label='{escape(told)}'><i class='fill' style='left:{zero:.2f}%;width:{end - zero:.2f}%'></i>"
        f"{whisker}</span></div>"
    )


def _interval(line: Line, column: str) -> tuple[float, float] | None:
    cell = line.cells.get(column)
    return cell.interval if cell else None


def _facts(table: Table) -> str:
    told = [(one.replace("_", " "), _plain(value)) for one, value in table.facts.items() if value is not None]
    return f"<details class='drawer'><summary>What it rests on</summary>{job_wording.facts(told)}</details>"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return "yes" if value is True else "no" if value is False else str(value)


def one_question(found: Judged | None) -> str:
    """Show a question with each model's answer, and what the judge said of it."""
    if found is None:
        return ""
    system = f"<p class='asked-system'>{escape(found.system)}</p>" if found.system else ""
    asked = f"<div class='asked'>{system}<p class='asked-prompt'>{escape(found.prompt)}</p></div>"
    return asked + "".join(_answer(model, text, found) for model, text in found.answers.items())


def _answer(model: str, text: str, found: Judged) -> str:
    said = "".join(_verdict(row) for row in found.judgements.get(model, []))
    judged = f"<ul class='verdicts'>{said}</ul>" if said else ""
    return (
        f"<article class='judged'><h4>{escape(model)}</h4><p class='answer-text'>{escape(text)}</p>{judged}</article>"
    )


def _verdict(row: Mapping[str, Any]) -> str:
    score = row.get("score")
    shown = "unscored" if score is None else str(score)
    where = ", ".join(
        f"{one} {row[one]}" if one in ("rubric", "run") else str(row[one])
        for one in ("rubric", "run", "under", "turn", "order")
        if row.get(one) is not None
    )
    told = str(row.get("feedback") or row.get("unscored") or "")
    return f"<li><b>{escape(shown)}</b> <span class='quiet'>{escape(where)}</span> {escape(told)}</li>"
