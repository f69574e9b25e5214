"""The picture holds the same tree as the hierarchy, or the counts of a collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from data_gen.preferences import DIMENSIONS, Preference, tree_counts
from janus_space.compose import load_hierarchy
from janus_space.ui.sunburst import Sector, counted_sectors, sectors_of


def leaves(sectors: Iterable[Sector]) -> Iterator[Sector]:
    for sector in sectors:
        children = sector.get("children", [])
        yield from leaves(children) if children else [sector]


def test_a_hierarchy_is_drawn_whole_and_every_leaf_can_be_taken() -> None:
    hierarchy = load_hierarchy()
    sectors = sectors_of(hierarchy)
    assert [sector["label"] for sector in sectors] == [branch.label for branch in hierarchy.dimensions]
    assert [leaf["key"] for leaf in leaves(sectors)] == list(hierarchy.leaves)
    assert sum(sector["size"] for sector in sectors) == len(hierarchy.leaves)
    assert all("key" not in child for sector in sectors for child in sector["children"])


def test_a_collection_is_drawn_by_how_often_each_was_chosen() -> None:
    def chosen(keywords: str) -> list[Preference]:
        return [
            Preference(dimension=name, subdimension="some-thing", preference=keywords, description="Why.")
            for name in DIMENSIONS
        ]

    sectors = counted_sectors(tree_counts([chosen("often"), chosen("often"), chosen("<once>")]))
    assert [(sector["dimension"], sector["size"]) for sector in sectors] == [(name, 3) for name in DIMENSIONS]
    assert sectors[1]["label"] == "Background knowledge"
    (below,) = sectors[0]["children"]
    assert below["label"] == "Some thing"
    assert [(leaf["label"], leaf["size"]) for leaf in below["children"]] == [("often", 2), ("<once>", 1)]
    assert not any("key" in leaf for leaf in leaves(sectors))


def test_an_empty_collection_is_an_empty_picture() -> None:
    assert counted_sectors([]) == []
