"""The grid as heat maps and sentences: HTML made here, with every foreign text escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from janus_space.grid import Grid
from janus_space.ui.grid_board import GridBoard
from janus_space.ui.influence_wording import shortened

LEGEND = (
    "<p class='hint'>Each number is the mean log-probability of the answer’s tokens under a message, in nats: the"
    " nearer to 0, the better that message explains the answer. The answer’s own message is framed; ● marks the best of"
    " a row, and the shade tells how near the others come. Choose a cell to read its answer.</p>"
)
# So many nats behind the best of the row, each is a shade paler.
_SHADES = (0.01, 0.03, 0.1, 0.3)


def progress(board: GridBoard) -> str:
    """Say how far the work is."""
    of = len(board.comparison.columns) if board.comparison else 0
    written = sum(event.is_final for event in board.events.values())
    words = f"{written} of {of} answers written · {len(board.rows)} of {of} scored"
    return f"{words} · {board.note}" if board.note else words


def heat_maps(board: GridBoard) -> str:
    """Draw one map a model, as far as it is filled."""
    maps = [_heat_map(board, model, columns) for model, columns in board.by_model().items()]
    return "".join(maps) + LEGEND if maps else ""


def verdict(one: Grid) -> str:
    """Say what a whole grid means."""
    size = len(one.columns)
    if one.won is None or one.margin is None:
        return "No answer could be scored."
    won = f"{round(one.won * one.n, 2):g}"
    fits = "is best explained by its" if won == "1" else "are best explained by their"
    return (
        f"{won} of {one.n} answers {fits} own message (chance: 1 in {size}). On average, an"
        f" answer’s own message makes its tokens {_likelier(one.margin)} than the other messages do."
    )


def behind(board: GridBoard, column: int, message: int) -> str:
    """Show the answer behind a scored cell, and what the cell compares."""
    comparison, columns = board.comparison, board.beside(column)
    assert comparison is not None
    own = columns.index(column)
    title = f"Answer {own + 1} of {comparison.columns[column].model}"
    said = _compared(board.rows[column].logprobs, own, message)
    told = comparison.columns[columns[message]].system or ""
    answer = escape(board.events[column].text).replace("\n", "<br>")
    return (
        f"<h3>{escape(title)}</h3><p>{said}</p>"
        f"<p class='hint'>Message {message + 1}: {escape(told)}</p><p class='answer'>{answer}</p>"
    )


def _compared(logprobs: Sequence[float], own: int, message: int) -> str:
    if own == message:
        return f"Under its own message a token has a log-probability of {_number(logprobs[own])} on average."
    difference = logprobs[own] - logprobs[message]
    return (
        f"Under message {message + 1} a token has a log-probability of {_number(logprobs[message])} on average; under"
        f" its own message, {_number(logprobs[own])}. Its own makes each token {_likelier(difference)}."
    )


def _heat_map(board: GridBoard, model: str, columns: Sequence[int]) -> str:
    comparison, whole = board.comparison, board.grids.get(model)
    assert comparison is not None
    messages = [shortened(comparison.columns[column].system or "") for column in columns]
    heads = "".join(
        f"<th scope='col'>Message {place}<span>{escape(text)}</span></th>" for place, text in enumerate(messages, 1)
    )
    rows = "".join(_row(board, column, place) for place, column in enumerate(columns))
    by = f", scored by {whole.scorer}" if whole else ""
    said = f"<p class='verdict'>{escape(verdict(whole))}</p>" if whole else ""
    note = f"<p class='status-line failed'>{escape(whole.note)}</p>" if whole and whole.note else ""
    return (
        f"<div class='heat-frame' tabindex='0' role='region' aria-label='Grid of {escape(model)}'>"
        f"<table class='heat'><caption>{escape(model + by)}</caption><thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{said}{note}"
    )


def _row(board: GridBoard, column: int, own: int) -> str:
    row, event = board.rows.get(column), board.events.get(column)
    size = len(board.beside(column))
    if row is None:
        state = (event.note or event.state) if event and event.state in ("failed", "stopped") else "…"
        cells = f"<td colspan='{size}' class='open'>{escape(state)}</td>"
    else:
        cells = "".join(_cell(column, own, message, row.logprobs) for message in range(size))
    return f"<tr><th scope='row'>Answer {own + 1}</th>{cells}</tr>"


def _cell(column: int, own: int, message: int, logprobs: Sequence[float]) -> str:
    value, best = logprobs[message], max(logprobs)
    shade = len(_SHADES) - sum(best - value > step for step in _SHADES)
    is_own, is_best = message == own, value == best
    words = [f"Answer {own + 1} under message {message + 1}: {_number(value)}"]
    words += ["its own message"] * is_own + ["best of its row"] * is_best
    mark = "<span aria-hidden='true'>●</span>" if is_best else ""
    return (
        f"<td class='shade-{shade}{' own' if is_own else ''}{' best' if is_best else ''}'><button type='button'"
        f" data-key='{column}-{message}' aria-label='{', '.join(words)}'>{_number(value)}{mark}</button></td>"
    )


def _likelier(nats: float) -> str:
    """Say by how much, as a share of the smaller probability or of the larger."""
    return f"{math.expm1(nats):.1%} likelier" if nats >= 0 else f"{-math.expm1(nats):.1%} less likely"


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")
