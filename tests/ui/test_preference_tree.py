"""The tree as HTML: everything of the hierarchy in its place, and nothing of it read as markup or as a template."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from janus_space.compose import load_hierarchy
from janus_space.ui.preference_tree import tree_html


class Items(HTMLParser):
    """Collects the tree items: level, label and id of each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.level, self.found, self.tags, self.ids = 0, [], set(), []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.ids += [values["id"]] if "id" in values else []
        if tag == "ul":
            self.level += 1
        if values.get("role") == "treeitem":
            self.found.append((self.level, values["aria-label"], values.get("data-key"), values["tabindex"]))

    def handle_endtag(self, tag: str) -> None:
        self.level -= tag == "ul"


def test_the_tree_has_every_node_at_its_level_and_one_stop_for_the_tab_key() -> None:
    hierarchy = load_hierarchy()
    items = Items(tree_html(hierarchy))
    assert items.level == 0
    assert [level for level, *_ in items.found].count(1) == 4
    assert [level for level, *_ in items.found].count(2) == 20
    assert [key for level, _, key, _ in items.found if level == 3] == list(hierarchy.leaves)
    assert [tab for *_, tab in items.found].count("0") == 1
    assert len(set(items.ids)) == len(items.ids)


def test_an_own_file_is_only_text(tmp_path: Path) -> None:
    attack = "<b>`${alert(1)}` {{value}} \\\" '</b>"
    own = load_hierarchy().leaves["plain-words"].model_dump(mode="json", exclude={"dimension", "subdimension"})
    own |= {"id": "own", "preference": attack, "description": attack}
    sub = {"id": "own-branch", "label": attack, "description": attack, "preferences": [own]}
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"dimensions": [{"id": "style", "subdimensions": [sub]}]}), "utf-8")
    html = tree_html(load_hierarchy([path]))
    items = Items(html)
    assert (3, attack, "own", "-1") in items.found
    assert "b" not in items.tags
    assert not set("`$\\{}") & set(html)
