"""Curves over training steps as inline SVG: one axis of steps, lines in the page's own colours, a table behind them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 26
_MOST_POINTS = 400


class Point(NamedTuple):
    """A value at a step, and its interval where there is one."""

    step: float
    value: float
    low: float | None = None
    high: float | None = None


class Line(NamedTuple):
    """One line; `style` is a class of the stylesheet."""

    name: str
    style: str
    points: Sequence[Point]


def curves(title: str, lines: Sequence[Line], steps: int) -> str:
    """Draw lines over `steps` steps; nothing where there is no point yet."""
    drawn = [line._replace(points=_thinned(line.points)) for line in lines if line.points]
    if not drawn:
        return ""
    values = [value for line in drawn for point in line.points for value in _values(point)]
    low, high = min(values), max(values)
    if low == high:
        low, high = low - abs(low) * 0.05 - 1e-6, high + abs(high) * 0.05 + 1e-6
    last = max([float(steps), *(point.step for line in drawn for point in line.points)]) or 1.0
    plot = _Plot(low, high, last)
    legend = "".join(
        f"<li class='{line.style}'>{escape(line.name)} <strong>{line.points[-1].value:.3f}</strong></li>"
        for line in drawn
    )
    told = "; ".join(f"{line.name} {line.points[0].value:.3f} to {line.points[-1].value:.3f}" for line in drawn)
    return (
        f"<figure class='curves'><figcaption>{escape(title)}</figcaption><ul>{legend}</ul>"
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' aria-label='{escape(f'{title}: {told}', quote=True)}'>"
        f"{plot.axes()}{''.join(plot.drawn(line) for line in drawn)}</svg></figure>"
    )


class _Plot(NamedTuple):
    low: float
    high: float
    last: float

    def x(self, step: float) -> float:
        return _LEFT + step / self.last * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _TOP + (self.high - value) / (self.high - self.low) * (_HEIGHT - _TOP - _BOTTOM)

    def axes(self) -> str:
        marks = [self.low + (self.high - self.low) * share for share in (0.0, 0.5, 1.0)]
        across = "".join(
            f"<line x1='{_LEFT}' x2='{_WIDTH - _RIGHT}' y1='{self.y(mark):.1f}' y2='{self.y(mark):.1f}'/>"
            f"<text x='{_LEFT - 6}' y='{self.y(mark) + 4:.1f}' text-anchor='end'>{mark:.3g}</text>"
            for mark in marks
        )
        foot = _HEIGHT - 8
        return (
            f"<g class='axes'>{across}<text x='{_LEFT}' y='{foot}'>0</text>"
            f"<text x='{_WIDTH - _RIGHT}' y='{foot}' text-anchor='end'>step {self.last:.0f}</text></g>"
        )

    def drawn(self, line: Line) -> str:
        path = " ".join(f"{self.x(point.step):.1f},{self.y(point.value):.1f}" for point in line.points)
        bars = "".join(
            f"<line x1='{self.x(point.step):.1f}' x2='{self.x(point.step):.1f}'"
            f" y1='{self.y(point.low):.1f}' y2='{self.y(point.high):.1f}'/>"
            for point in line.points
            if point.low is not None and point.high is not None
        )
        dots = "".join(
            f"<circle cx='{self.x(point.step):.1f}' cy='{self.y(point.value):.1f}' r='2.5'/>"
            for point in (line.points if len(line.points) <= 30 else line.points[-1:])
        )
        return f"<g class='{line.style}'>{bars}<polyline points='{path}'/>{dots}</g>"


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Keep so many points as the eye can tell apart, the last one among them."""
    every = -(-len(points) // _MOST_POINTS)
    return points if every <= 1 else [*points[:-1:every], points[-1]]


def _values(point: Point) -> list[float]:
    return [value for value in (point.value, point.low, point.high) if value is not None]
