"""The leaderboard as a table, and what became of the votes. All of it is HTML made here, every foreign text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from janus_space.datasets import PairsDataset
from janus_space.leaderboard import MIN_VOTES, Leaderboard, Standing
from janus_space.tally import EntryKind

HEADINGS = ("Place", "", "Score", "95% interval", "Votes", "Won", "Notes")
NAMES: dict[EntryKind, str] = {"model": "Model", "system message": "System message"}
NOTHING_YET = """
<div class="empty"><h3>No votes to show yet</h3>
<p>In Compare, tick <em>Hide which is which until I vote</em>, ask something, and say which answer is better. {like}
A score appears after {floor} votes.</p>{left_out}</div>
"""
LIKE_WITH_LIKE: dict[EntryKind, str] = {
    "model": "Models are ranked by columns that had the same system message.",
    "system message": "System messages are ranked by columns that had the same model.",
}
_MARGIN = 0.04


def table(board: Leaderboard) -> str:
    """Show every entry as a row, or say how there come to be some."""
    if not board.standings:
        like = LIKE_WITH_LIKE[board.view.entry]
        return NOTHING_YET.format(like=like, floor=MIN_VOTES, left_out=_left_out(board.left_out))
    headings = [heading or NAMES[board.view.entry] for heading in HEADINGS]
    head = "".join(f"<th scope='col'>{heading}</th>" for heading in headings)
    scale = _scale(board.standings)
    groups = [list(group) for _, group in groupby(board.standings, key=lambda standing: standing.group)]
    bodies = "".join(f"<tbody>{_group(number, group, scale)}</tbody>" for number, group in enumerate(groups))
    return (
        "<div class='table-frame' tabindex='0' role='region' aria-label='Leaderboard'>"
        f"<table><thead><tr>{head}</tr></thead>{bodies}</table></div>{_footnotes(board)}"
    )


def spoken(dimension: str) -> str:
    """Write a dimension as people do: `background_knowledge` is “Background knowledge”."""
    return dimension.replace("_", " ").capitalize()


def dataset(made: PairsDataset, folder: Path) -> str:
    """Say what a dataset holds, what was left out and why, and where it is."""
    rows = "1 preference pair" if made.rows == 1 else f"{made.rows:,} preference pairs"
    where = f"{rows} from {_votes(made.votes)} are ready to train in <code>{escape(str(folder))}</code>."
    return f"<p class='status-line'>{where}</p>{_left_out(made.left_out)}"


def _group(number: int, standings: Sequence[Standing], scale: tuple[float, float]) -> str:
    apart = (
        f"<tr><th class='apart' scope='rowgroup' colspan='{len(HEADINGS)}'>"
        "Never compared with those above; these scores stand for themselves</th></tr>"
    )
    return (apart if number else "") + "".join(_row(standing, scale) for standing in standings)


def _row(one: Standing, scale: tuple[float, float]) -> str:
    spec = f"<code>{escape(one.entry)}</code>" if one.name != one.entry and one.entry else ""
    notes = [note for note in (one.note, f"All bad {one.n_both_bad} times." if one.n_both_bad else None) if note]
    cells = [
        str(one.place or "—"),
        "—" if one.score is None else f"<strong>{one.score:.0f}</strong>",
        _interval(one, scale),
        f"{one.n_votes:,}",
        f"{one.won_share:.0%}",
        escape(" ".join(notes)),
    ]
    place, *rest = (f"<td>{cell}</td>" for cell in cells)
    return f"<tr>{place}<th scope='row'><span class='entry'>{escape(one.name)}</span>{spec}</th>{''.join(rest)}</tr>"


def _interval(one: Standing, scale: tuple[float, float]) -> str:
    if one.score is None or one.low is None or one.high is None:
        return "—"
    low, score, high = (_share(points, scale) for points in (one.low, one.score, one.high))
    return (
        f"<svg class='interval' viewBox='0 0 100 12' preserveAspectRatio='none' aria-hidden='true'>"
        f"<line class='ground' x1='0' y1='6' x2='100' y2='6'/>"
        f"<line class='reach' x1='{low:.1f}' y1='6' x2='{high:.1f}' y2='6'/>"
        f"<line class='score' x1='{score:.1f}' y1='1' x2='{score:.1f}' y2='11'/></svg>"
        f"<span class='figures'>{one.low:.0f} to {one.high:.0f}</span>"
    )


def _scale(standings: Sequence[Standing]) -> tuple[float, float]:
    """Find the scores that the bars' left and right ends stand for."""
    ends = [points for one in standings for points in (one.low, one.high) if points is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    margin = (high - low) * _MARGIN or 1.0
    return low - margin, high + margin


def _share(points: float, scale: tuple[float, float]) -> float:
    low, high = scale
    return 100 * (points - low) / (high - low)


def _footnotes(board: Leaderboard) -> str:
    counted = f"{_votes(board.n_votes).capitalize()} counted. {LIKE_WITH_LIKE[board.view.entry]}"
    unlisted = f" {board.n_unlisted} entries with fewer votes are not listed." if board.n_unlisted else ""
    places = " Entries that share a place cannot be told apart yet."
    return f"<p class='hint'>{counted}{places}{unlisted}</p>{_left_out(board.left_out)}"


def _left_out(reasons: Mapping[str, int]) -> str:
    if not reasons:
        return ""
    told = "; ".join(f"{count:,} × {escape(reason)}" for reason, count in sorted(reasons.items()))
    return f"<p class='hint'>Left out: {told}.</p>"


def _votes(count: int) -> str:
    return "1 vote" if count == 1 else f"{count:,} votes"
