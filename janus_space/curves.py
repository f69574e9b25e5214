"""Curves over training steps as SVG: one axis of steps; inline in the page's own colours, or a picture by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

_WIDTH, _HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 26
_MOST_POINTS = 400
_HEAD = 44
_COLOURS = {"loss": "#334185", "margin": "#334185", "gain": "#8a5a12", "control": "#6a635a"}
"""Of the page by day, for where its stylesheet is not."""
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#6a635a}.title{font-size:14px;fill:#1d1a16}.axes line{stroke:#ddd6ca}"
    "polyline{fill:none;stroke-width:2;stroke-linejoin:round}"
    + "".join(
        f"g.{name}{{stroke:{colour}}}g.{name} circle,.key.{name}{{fill:{colour}}}" for name, colour in _COLOURS.items()
    )
)


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


class Chart(NamedTuple):
    """Lines over one axis of steps, for a picture."""

    title: str
    lines: Sequence[Line]


def points(events: Iterable[Mapping[str, Any]], name: str) -> Iterable[Point]:
    """Read one figure of a run's events as points of a curve; what is no number is left out."""
    for event in events:
        value = event.get(name)
        parts = [number(part) for part in (value if isinstance(value, list) else [value])]
        if all(map(math.isfinite, parts)):
            yield Point(float(event["step"]), *parts[:3])


def curves(title: str, lines: Sequence[Line], steps: int) -> str:
    """Draw lines over `steps` steps; nothing where there is no point yet."""
    drawn = _with_points(lines)
    if not drawn:
        return ""
    plot = _Plot.over(drawn, steps)
    legend = "".join(
        f"<li class='{line.style}'>{escape(line.name)} <strong>{line.points[-1].value:.3f}</strong></li>"
        for line in drawn
    )
    told = _told(drawn)
    return (
        f"<figure class='curves'><figcaption>{escape(title)}</figcaption><ul>{legend}</ul>"
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' aria-label='{escape(f'{title}: {told}', quote=True)}'>"
        f"{plot.axes()}{''.join(plot.drawn(line) for line in drawn)}</svg></figure>"
    )


def picture(charts: Sequence[Chart], steps: int) -> str:
    """Draw charts one below the other, as an SVG file that needs no stylesheet; nothing where there is no point."""
    shown = [Chart(chart.title, drawn) for chart in charts if (drawn := _with_points(chart.lines))]
    if not shown:
        return ""
    height = len(shown) * (_HEAD + _HEIGHT)
    told = ". ".join(f"{chart.title}: {_told(chart.lines)}" for chart in shown)
    body = "".join(
        f"<g transform='translate(0 {number * (_HEAD + _HEIGHT)})'>{_head(chart)}"
        f"<g transform='translate(0 {_HEAD})'>{plot.axes()}{''.join(map(plot.drawn, chart.lines))}</g></g>"
        for number, chart in enumerate(shown)
        for plot in [_Plot.over(chart.lines, steps)]
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' width='{_WIDTH}' height='{height}'"
        f" role='img'><title>{escape(told)}</title><style>{_STYLE}</style>"
        f"<rect width='100%' height='100%' fill='#fff'/>{body}</svg>\n"
    )


def _head(chart: Chart) -> str:
    keys = "".join(
        f"<tspan class='key {line.style}' dx='{14 if number else 0}'>— {escape(line.name)}"
        f" {line.points[-1].value:.3f}</tspan>"
        for number, line in enumerate(chart.lines)
    )
    return f"<text class='title' x='{_LEFT}' y='20'>{escape(chart.title)}</text><text x='{_LEFT}' y='40'>{keys}</text>"


class _Plot(NamedTuple):
    low: float
    high: float
    last: float

    @classmethod
    def over(cls, drawn: Sequence[Line], steps: int) -> _Plot:
        """Make room for all that is drawn."""
        values = [value for line in drawn for point in line.points for value in _values(point)]
        low, high = min(values), max(values)
        if low == high:
            low, high = low - abs(low) * 0.05 - 1e-6, high + abs(high) * 0.05 + 1e-6
        return cls(low, high, max([float(steps), *(point.step for line in drawn for point in line.points)]) or 1.0)

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


def _with_points(lines: Sequence[Line]) -> list[Line]:
    return [line._replace(points=_thinned(line.points)) for line in lines if line.points]


def _told(drawn: Sequence[Line]) -> str:
    return "; ".join(f"{line.name} {line.points[0].value:.3f} to {line.points[-1].value:.3f}" for line in drawn)


def number(value: Any) -> float:
    """Read a figure of an event; NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Keep so many points as the eye can tell apart, the last one among them."""
    every = -(-len(points) // _MOST_POINTS)
    return points if every <= 1 else [*points[:-1:every], points[-1]]


def _values(point: Point) -> list[float]:
    return [value for value in (point.value, point.low, point.high) if value is not None]
