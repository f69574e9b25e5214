"""Curves as text: what is drawn, and what a reader without eyes is told."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from janus_space.curves import Chart, Line, Point, curves, picture, points

SVG = "{http://www.w3.org/2000/svg}"


def test_lines_share_one_scale_and_are_told_in_words() -> None:
    drawn = curves(
        "Loss <x>",
        [Line("a", "loss", [Point(0, 4.0), Point(10, 2.0)]), Line("b", "control", [Point(0, 3.0, 2.5, 3.5)])],
        20,
    )
    assert "aria-label='Loss &lt;x&gt;: a 4.000 to 2.000; b 3.000 to 3.000'" in drawn
    (points,) = re.findall(r"<g class='loss'><polyline points='([^']*)'", drawn)
    (x0, y0), (x1, y1) = (tuple(map(float, pair.split(","))) for pair in points.split())
    assert (y0, y1) == (12.0, 174.0), "the highest value is at the top, the lowest at the foot"
    assert x1 - x0 == 288.0, "half of the steps are half of the width"
    assert drawn.count("<line x1=") == 3 + 1, "three marks, and one interval"


def test_without_points_nothing_is_drawn() -> None:
    assert curves("Loss", [Line("a", "loss", [])], 10) == ""


def test_one_value_alone_and_a_long_run_are_drawn() -> None:
    assert "nan" not in curves("Loss", [Line("a", "loss", [Point(0, 0.0)])], 0)
    long = curves("Loss", [Line("a", "loss", [Point(step, 1 / (1 + step)) for step in range(10_000)])], 10_000)
    assert len(long) < 10_000
    assert "628.0" in long.rpartition("points=")[2] or "627.9" in long, "the last point is there"


def test_a_picture_shows_its_charts_below_each_other_and_needs_no_stylesheet() -> None:
    events = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": "nan"}, {"step": 3, "loss": 2.0, "margin": [0.5, 0.4, 0.6]}]
    loss, margin = list(points(events, "loss")), list(points(events[2:], "margin"))
    assert loss == [Point(1, 3.0), Point(3, 2.0)]
    assert margin == [Point(3, 0.5, 0.4, 0.6)]
    charts = [Chart("Loss <x>", [Line("loss", "loss", loss)]), Chart("Empty", [Line("none", "gain", [])])]
    drawn = picture([*charts, Chart("Margin", [Line("right", "margin", margin)])], 4)
    tree = ElementTree.fromstring(drawn)
    assert tree.get("viewBox") == "0 0 640 488", "two charts of 244 units"
    assert [text.text for text in tree.iter(f"{SVG}text") if text.get("class") == "title"] == ["Loss <x>", "Margin"]
    assert len(list(tree.iter(f"{SVG}polyline"))) == 2
    assert "var(--" not in drawn
    assert picture([charts[1]], 4) == ""
