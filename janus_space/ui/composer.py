"""The listeners of the Compose tab: what each pick, click and pause in typing does, and what the page shows then."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

import gradio as gr

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from janus_space import catalogue
from janus_space.compose import check
from janus_space.ui import compose_wording
from janus_space.ui.composition import Composition

Updates = dict[Any, Any]


class ComposeView(NamedTuple):
    """The components that show the composition."""

    tree: gr.HTML
    picture: gr.HTML
    allow_more: gr.Checkbox
    chips: gr.HTML
    notes: gr.HTML
    badge: gr.HTML
    message: gr.Textbox
    rebuild: gr.Button
    findings: gr.HTML


class Composer:
    """The listeners of picks and text. Every one reads the box first, so that nothing typed is ever lost."""

    def __init__(self, view: ComposeView, hierarchy: Hierarchy, state: gr.State) -> None:
        self.view = view
        self.hierarchy = hierarchy
        self.state = state

    @property
    def outputs(self) -> list[Any]:
        return [self.state, *self.view]

    def pick(
        self, data: Mapping[str, Any], composition: Composition, text: str | None, model: str | None, allow_more: bool
    ) -> Updates:
        """Take a preference, or take it back."""
        composition.see(text)
        if allow_more:  # the pick's request may have overtaken the one that says so
            composition.choose(composition.picks.allowing_more(True, self.hierarchy), self.hierarchy)
        composition.toggle(str(data.get("key")), self.hierarchy)
        return self.show(composition, model)

    def allow_more(self, composition: Composition, text: str | None, model: str | None, allow_more: bool) -> Updates:
        """Switch between one preference a dimension and several."""
        composition.see(text)
        if bool(allow_more) != composition.picks.allow_more:
            composition.choose(composition.picks.allowing_more(bool(allow_more), self.hierarchy), self.hierarchy)
        return self.show(composition, model)

    def surprise(self, composition: Composition, text: str | None, model: str | None) -> Updates:
        """Draw picks by chance."""
        composition.see(text)
        composition.surprise(secrets.randbelow(2**31), self.hierarchy)
        return self.show(composition, model)

    def reword(self, composition: Composition, text: str | None, model: str | None) -> Updates:
        """Say the same in other words."""
        composition.see(text)
        if not composition.picks.ids:
            raise BadRequest("There is nothing to say in other words yet: pick a preference first.")
        composition.reword(self.hierarchy)
        return self.show(composition, model)

    def rebuild(self, composition: Composition, model: str | None) -> Updates:
        """Write the text from the picks again, over what was edited."""
        composition.rebuild(self.hierarchy)
        return self.show(composition, model)

    def typed(self, composition: Composition, text: str | None, model: str | None) -> Updates:
        """Check what was typed; the box itself is left to the one who types."""
        composition.see(text)
        updates = self.show(composition, model)
        del updates[self.view.message]
        return updates

    def show_all(self, composition: Composition, model: str | None) -> Updates:
        """Bring the whole tab up to what a persona has brought, which may need several picks a dimension."""
        return self.show(composition, model) | {self.view.allow_more: composition.picks.allow_more}

    def show(self, composition: Composition, model: str | None) -> Updates:
        """Bring the tab up to what is composed; a late answer must not turn back the box that allows several."""
        view, picks, hierarchy = self.view, composition.picks, self.hierarchy
        taken = list(picks.ids)
        pulling_apart = picks.contradictions(hierarchy)
        found = check(composition.text, hierarchy, takes_system(model or ""))
        if not composition.is_edited:  # the picks' own contradictions are told beside them
            found = [one for one in found if one.kind != "contradiction"]
        found = [one for one in found if not any(one.text.endswith(told.note) for told in pulling_apart)]
        return {
            self.state: composition,
            view.tree: taken,
            view.picture: taken,
            view.chips: compose_wording.chips(picks.leaves(hierarchy), hierarchy),
            view.notes: compose_wording.contradictions(pulling_apart, hierarchy),
            view.badge: compose_wording.EDITED if composition.is_edited else "",
            view.message: composition.text,
            view.rebuild: gr.update(visible=composition.is_edited and bool(taken)),
            view.findings: compose_wording.findings(found),
        }


def takes_system(spec: str) -> bool:
    """Tell what is known of a model's template; one that nobody knows gets the benefit of the doubt."""
    known = [entry.system_message for entry in catalogue.entries() if entry.spec == spec]
    return "folded into the user turn" not in known
