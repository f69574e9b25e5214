"""The quality report as the page shows it: bars against what is usual, and sectors for the sunburst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from data_gen.figures import Coverage, Spread
from data_gen.preferences import DIMENSIONS, Dimension, TreeCount
from data_gen.quality import QualityReport
from janus_space.attribution import Attribution
from janus_space.ui.leaderboard_wording import spoken

_MOST_SUBDIMENSIONS = 24
"""Drawn for each dimension; a teacher that invents them makes more than a picture can hold."""


def report(found: QualityReport, attribution: Attribution | None = None) -> str:
    """Write the figures of a dataset, each with how to read it."""
    return (
        f"<h3>Quality of {found.rows:,} rows from {found.instructions:,} instructions</h3>"
        + _table(
            ("Length", "Median", "5% to 95%, on what is usual", "Within the usual"),
            (_length_row(name, one) for name, one in found.lengths.items() if one is not None),
        )
        + "<p class='hint'>Usual, in grey, is what the paper’s public rows measure.</p>"
        + _table(
            ("Likeness (ROUGE-L)", "Mean", "5% to 95%, from 0 to 1", "Pairs"),
            (_likeness_row(name, one) for name, one in _likenesses(found) if one is not None),
        )
        + "<p class='hint'>1 is the same text. Lower is more different, as different people’s wishes should be.</p>"
        + _table(
            ("Coverage", "Known ones used", "Evenness", "Most frequent"),
            (_coverage_row(name, one) for name, one in found.coverage.items()),
        )
        + "<p class='hint'>Evenness is 1 where every known subdimension is chosen equally often.</p>"
        + _attributed(attribution)
        + f"<ul class='noticed'>{''.join(f'<li>{escape(line)}</li>' for line in _to_look_at(found))}</ul>"
    )


def _attributed(found: Attribution | None) -> str:
    if found is None:
        return ""
    verdict = "as it should be" if found.is_kept else f"less than the {found.at_least:.0%} of data worth training on"
    return (
        f"<p><b>{found.accuracy:.0%}</b> of {found.n} answers fit their own system message better than those of their"
        f" siblings, as {escape(found.model)} reads them: {verdict}. Their own message makes them"
        f" {found.margin:+.3f} nats a token likelier ({found.margin_ci[0]:.3f} to {found.margin_ci[1]:.3f}).</p>"
    )


def coverage_counts(coverage: Mapping[Dimension, Coverage]) -> list[TreeCount]:
    """Count dimensions and subdimensions for the sunburst, the rare ones together."""
    counts = []
    for name in DIMENSIONS:
        found = list(coverage[name].subdimensions.items())
        shown, rest = found[:_MOST_SUBDIMENSIONS], sum(count for _, count in found[_MOST_SUBDIMENSIONS:])
        counts.append(TreeCount(path=(name,), count=sum(count for _, count in found)))
        counts += [TreeCount(path=(name, one), count=count) for one, count in shown]
        if rest:
            counts.append(TreeCount(path=(name, "all others"), count=rest))
    return [one for one in counts if one.count]


def _length_row(name: str, one: Spread) -> tuple[str, ...]:
    low, high = one.usual or (0.0, one.p95)
    scale = max(high, one.p95) or 1.0
    within = "–" if one.share_usual is None else f"{one.share_usual:.0%}"
    bar = _bar(one, scale, ",.0f", (low / scale, high / scale))
    return name.capitalize(), f"{one.median:,.0f}", bar, f"{within} of {low:,.0f} to {high:,.0f}"


def _likeness_row(name: str, one: Spread) -> tuple[str, ...]:
    return name, f"{one.mean:.2f}", _bar(one, 1.0, ".2f"), f"{one.n:,}"


def _likenesses(found: QualityReport) -> Iterator[tuple[str, Spread | None]]:
    yield "Answers to one instruction", found.rouge_l_sibling_answers
    for name, one in found.rouge_l_descriptions.items():
        yield f"Descriptions, {spoken(name).lower()}", one


def _coverage_row(name: str, one: Coverage) -> tuple[str, ...]:
    frequent = ", ".join(f"{escape(sub)} {count}" for sub, count in list(one.subdimensions.items())[:4])
    return spoken(name), f"{one.known_used} of {one.known}", f"{one.evenness:.2f}", frequent


def _to_look_at(found: QualityReport) -> Iterator[str]:
    """Name what somebody should look at, and nothing that is in order."""
    counted = (
        (found.near_duplicate_prompts, "instructions nearly repeat another one."),
        (found.near_duplicate_system_messages, "system messages nearly repeat another one."),
        (found.cut_off_answers, "answers were cut off by their length."),
        (found.unsafe_rows, f"rows look unsafe to the {found.safety_scorer}: a hint, no judgement."),
        (len(found.leaks), f"instructions are in {', '.join(found.benchmarks)} too, or nearly."),
    )
    if not found.findings and not any(count for count, _ in counted):
        yield "Nothing stands out."
    yield from (f"{count:,} {what}" for count, what in counted if count)
    yield from (f"{count:,} rows: {finding}." for finding, count in found.findings.items())


def _bar(one: Spread, scale: float, form: str, usual: tuple[float, float] | None = None) -> str:
    low, middle, high = (100 * value / scale for value in (one.p5, one.median, one.p95))
    ground = (
        f"<rect class='usual' x='{100 * usual[0]:.1f}' y='0' width='{100 * (usual[1] - usual[0]):.1f}' height='12'/>"
        if usual
        else ""
    )
    return (
        f"<svg class='interval' viewBox='0 0 100 12' preserveAspectRatio='none' aria-hidden='true'>{ground}"
        f"<line class='ground' x1='0' y1='6' x2='100' y2='6'/>"
        f"<line class='reach' x1='{low:.1f}' y1='6' x2='{max(high, low + 0.5):.1f}' y2='6'/>"
        f"<line class='score' x1='{middle:.1f}' y1='1' x2='{middle:.1f}' y2='11'/></svg>"
        f"<span class='figures'>{one.p5:{form}} to {one.p95:{form}}</span>"
    )


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    heads = "".join(f"<th scope='col'>{name}</th>" for name in head)
    body = "".join(
        f"<tr><th scope='row'>{first}</th>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>" for first, *rest in rows
    )
    return (
        f"<div class='table-frame' tabindex='0' role='region' aria-label='{head[0]}'>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )
