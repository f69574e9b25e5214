"""The tree of preferences as a sunburst: rings for dimension, subdimension and preference; a click zooms, or takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NotRequired, TypedDict

import gradio as gr

from data_gen.hierarchy import Hierarchy
from data_gen.preferences import TreeCount
from janus_space.ui.theme import ASSETS

SCRIPT_FILE = ASSETS / "sunburst.js"
TEMPLATE = """
<svg viewBox="-204 -204 408 408" aria-hidden="true"></svg>
<p class="caption" aria-hidden="true"></p>
"""


class Sector(TypedDict):
    """A node of the picture; `size` counts what is below it, `key` is there where a click can take it."""

    label: str
    dimension: str
    size: int
    about: NotRequired[str]
    key: NotRequired[str]
    children: NotRequired[list[Sector]]


def sunburst(sectors: Sequence[Sector], **options: Any) -> gr.HTML:
    """Make the picture. Its value is the list of preferences taken; its event is `select`, with a preference's id.

    It says nothing that the tree beside it does not, so keyboard and screen reader pass it by.
    """
    script = SCRIPT_FILE.read_text(encoding="utf-8")
    return gr.HTML(
        [],
        html_template=TEMPLATE,
        js_on_load=script,
        apply_default_css=False,
        elem_classes="sunburst",
        sectors=list(sectors),
        **options,
    )


def sectors_of(hierarchy: Hierarchy) -> list[Sector]:
    """Draw a hierarchy, each preference as wide as any other."""
    return [
        _parent(
            Sector(label=branch.label, dimension=branch.id, size=0, about=branch.question),
            [
                _parent(
                    Sector(label=one.label, dimension=branch.id, size=0, about=one.description),
                    [
                        Sector(
                            label=entry.preference,
                            dimension=branch.id,
                            size=1,
                            about=entry.description,
                            key=entry.id,
                        )
                        for entry in one.preferences
                    ],
                )
                for one in branch.subdimensions
            ],
        )
        for branch in hierarchy.dimensions
    ]


def counted_sectors(counts: Iterable[TreeCount]) -> list[Sector]:
    """Draw how often the preferences of a collection were chosen (`data_gen.preferences.tree_counts`)."""
    drawn: dict[tuple[str, ...], Sector] = {}
    for one in counts:
        dimension, name = one.path[0], one.path[-1]
        label = name if len(one.path) == 3 else name.replace("_", " ").replace("-", " ").capitalize()
        sector = Sector(label=label, dimension=dimension, size=one.count, about=f"chosen {one.count:,} times")
        drawn[one.path] = sector
        if len(one.path) > 1:
            drawn[one.path[:-1]].setdefault("children", []).append(sector)
    return [sector for path, sector in drawn.items() if len(path) == 1]


def _parent(sector: Sector, children: list[Sector]) -> Sector:
    return {**sector, "size": sum(child["size"] for child in children), "children": children}
