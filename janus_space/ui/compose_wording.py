"""What was picked and what the check found, as HTML made here, with every foreign text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from data_gen.hierarchy import Conflict, Hierarchy, Leaf
from janus_space.compose import Finding
from janus_space.personas import Persona

NOTHING_PICKED = "<p class='hint'>Nothing is picked yet. Open a question, try a surprise, or begin with a persona.</p>"
EDITED = "<span class='badge'>Edited</span>"


def chips(leaves: Sequence[Leaf], hierarchy: Hierarchy) -> str:
    """List the picks, each with a button that takes it back."""
    if not leaves:
        return NOTHING_PICKED
    label = {branch.id: branch.label for branch in hierarchy.dimensions}
    items = "".join(
        f"<li class='chip {leaf.dimension}'><span class='visually-hidden'>{escape(label[leaf.dimension])}: </span>"
        f"{escape(leaf.preference)}<button type='button' data-key='{leaf.id}'"
        f" aria-label='Remove {escape(leaf.preference)}'>×</button></li>"
        for leaf in leaves
    )
    return f"<ul class='chips' aria-label='Picked preferences'>{items}</ul>"


def contradictions(conflicts: Iterable[Conflict], hierarchy: Hierarchy) -> str:
    """Say which picks pull apart, and how."""
    name = hierarchy.leaves
    items = "".join(
        _item(False, f"“{name[one.first].preference}” and “{name[one.second].preference}”: {one.note}")
        for one in conflicts
    )
    return f"<ul class='findings' aria-label='Contradictions'>{items}</ul>" if items else ""


def findings(found: Iterable[Finding]) -> str:
    """List what the check found, each with a mark for fine or to look at."""
    items = "".join(_item(one.is_fine, one.text) for one in found)
    return f"<ul class='findings' aria-label='Check of the message'>{items}</ul>"


def cards(personas: Sequence[Persona], hierarchy: Hierarchy, prefix: str, *, can_forget: bool) -> str:
    """Show personas as cards; `prefix` and a place in the sequence make the key of each."""
    return "".join(
        f"<li><button type='button' class='persona' data-key='{prefix}{place}'><strong>{escape(persona.name)}</strong>"
        f"<span class='who'>{escape(persona.who)}</span>{_keywords(persona, hierarchy)}</button>"
        + (
            f"<button type='button' class='forget' data-key='forget-{place}'"
            f" aria-label='Forget {escape(persona.name)}'>×</button>"
            if can_forget
            else ""
        )
        + "</li>"
        for place, persona in enumerate(personas)
    )


def _keywords(persona: Persona, hierarchy: Hierarchy) -> str:
    leaves = [hierarchy.leaves[name] for name in persona.preferences if name in hierarchy.leaves]
    return "".join(f"<span class='keyword {leaf.dimension}'>{escape(leaf.preference)}</span>" for leaf in leaves)


def _item(is_fine: bool, text: str) -> str:
    mark, spoken = ("✓", "Fine") if is_fine else ("!", "To look at")
    state = "fine" if is_fine else "look"
    return (
        f"<li class='{state}'><span class='mark' aria-hidden='true'>{mark}</span>"
        f"<span class='visually-hidden'>{spoken}: </span>{escape(text)}</li>"
    )
