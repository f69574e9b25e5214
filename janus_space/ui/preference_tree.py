"""The tree of preferences: dimension → subdimension → preference, with a search box, for mouse and keyboard alike."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from data_gen.hierarchy import DimensionBranch, Hierarchy, Subdimension
from data_gen.wording import Entry
from janus_space.ui.theme import ASSETS

SCRIPT_FILE = ASSETS / "preference_tree.js"


def preference_tree(hierarchy: Hierarchy, **options: Any) -> gr.HTML:
    """Make the tree. Its value is the list of preferences taken; its event is `select`, with an id.

    Opening, searching and moving about happen in the browser alone.
    """
    script = SCRIPT_FILE.read_text(encoding="utf-8")
    return gr.HTML([], html_template=tree_html(hierarchy), js_on_load=script, apply_default_css=False, **options)


def tree_html(hierarchy: Hierarchy) -> str:
    """Lay out the whole tree, closed; what is taken and what is open is the script's to show."""
    branches = "".join(
        _branch(branch, "0" if place == 0 else "-1") for place, branch in enumerate(hierarchy.dimensions)
    )
    return _literal(
        "<div class='tree-search'>"
        f"<input type='search' autocomplete='off' spellcheck='false' aria-label='Search the preferences'"
        f" placeholder='Search {len(hierarchy.leaves)} preferences'><p class='hint' role='status'></p></div>"
        f"<ul class='tree' role='tree' aria-label='Preferences' aria-multiselectable='true'>{branches}</ul>"
    )


def _branch(branch: DimensionBranch, tab_index: str) -> str:
    children = "".join(_subdimension(branch, one) for one in branch.subdimensions)
    return (
        f"<li class='dimension {branch.id}' role='treeitem' aria-expanded='false' tabindex='{tab_index}'"
        f" aria-label='{_quoted(f'{branch.question} {branch.label}')}'><div class='row'><span class='label'>"
        f"{escape(branch.question)}</span><span class='place'>{escape(branch.label)}</span>"
        f"<span class='taken-here'></span></div><ul role='group'>{children}</ul></li>"
    )


def _subdimension(branch: DimensionBranch, one: Subdimension) -> str:
    children = "".join(_leaf(entry, f"{one.id} {branch.id}".replace("_", " ")) for entry in one.preferences)
    return (
        f"<li class='subdimension' role='treeitem' aria-expanded='false' tabindex='-1'"
        f" aria-label='{_quoted(one.label)}'><div class='row'><span class='label'>{escape(one.label)}</span>"
        f"<span class='place'>{escape(one.description)}</span></div><ul role='group'>{children}</ul></li>"
    )


def _leaf(entry: Entry, place: str) -> str:
    return (
        f"<li class='leaf' role='treeitem' aria-selected='false' tabindex='-1' data-key='{entry.id}'"
        f" data-place='{_quoted(place)}' aria-label='{_quoted(entry.preference)}' aria-describedby='about-{entry.id}'>"
        f"<div class='row'><span class='label'>{escape(entry.preference)}</span>"
        f"<span class='description' id='about-{entry.id}'>{escape(entry.description)}</span></div></li>"
    )


def _quoted(text: str) -> str:
    return escape(text, quote=True)


def _literal(html: str) -> str:
    """Guard the signs that Gradio's templates would read: a hierarchy of the user's own may hold them."""
    return "".join(f"&#{ord(sign)};" if sign in "`$\\{}" else sign for sign in html)
