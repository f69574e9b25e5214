"""Personas on the page: the gallery, the visitor's own kept in the browser, and files that come and go.

A file is read and written in the browser and travels as text in an event: the server keeps no file of a visitor's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr
from pydantic import ValidationError

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from janus_space.personas import MAX_FILE_BYTES, MAX_PERSONAS, Persona, from_json, gallery, to_json
from janus_space.ui import compose_wording, wording
from janus_space.ui.composition import Composition
from janus_space.ui.keyed import keyed_buttons, live_status
from janus_space.ui.theme import ASSETS

PERSONAS_KEY = "janus-personas-v1"
# Gradio encrypts what it keeps in the browser. Personas are no secret, and with a secret of each process's own they
# could not be read after a restart.
PERSONAS_SECRET = "janus-personas-are-no-secret"
IMPORT_FILE = ASSETS / "persona_import.js"
IMPORT_HTML = (
    f"<label class='import'>Import a file<input type='file' accept='.json,application/json'"
    f" data-max-bytes='{MAX_FILE_BYTES}'></label>"
)
DOWNLOAD_JS = """(text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "janus-personas.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}"""
INTRO = """
<h2>Personas</h2>
<p>Somebody with preferences. One click takes theirs; then change whatever you like.</p>
"""


class ShelfView(NamedTuple):
    """The components of the personas."""

    kept: gr.BrowserState
    cards: gr.HTML
    name: gr.Textbox
    save: gr.Button
    import_file: gr.HTML
    export: gr.Button
    export_text: gr.Textbox
    status: gr.HTML


def build_shelf(hierarchy: Hierarchy) -> ShelfView:
    """Lay out the gallery, and the row that saves, imports and exports."""
    kept = gr.BrowserState(storage_key=PERSONAS_KEY, secret=PERSONAS_SECRET)
    with gr.Column(elem_id="personas"):
        gr.HTML(INTRO)
        with gr.Row(elem_classes="shelf-row"):
            name = gr.Textbox(
                label="Name", placeholder="Name these preferences", max_lines=1, max_length=60, elem_id="persona-name"
            )
            save = gr.Button("Save as a persona", size="sm", elem_classes="quiet")
            import_file = gr.HTML(IMPORT_HTML, js_on_load=IMPORT_FILE.read_text(encoding="utf-8"), elem_id="import")
            export = gr.Button("Export mine", size="sm", elem_classes="quiet")
        status = live_status()
        cards = keyed_buttons(shelf_html((), hierarchy), elem_id="persona-cards")
    return ShelfView(kept, cards, name, save, import_file, export, gr.Textbox(visible="hidden"), status)


def shelf_html(mine: Sequence[Persona], hierarchy: Hierarchy) -> str:
    """Show the visitor's own personas, then the gallery."""
    own = compose_wording.cards(mine, hierarchy, "mine-", can_forget=True)
    ready = compose_wording.cards(gallery(), hierarchy, "gallery-", can_forget=False)
    return f"<ul class='personas' aria-label='Personas'>{own}{ready}</ul>"


class Shelf:
    """The listeners of the personas. `mine` is what the browser kept, and is believed nothing."""

    def __init__(
        self, view: ShelfView, hierarchy: Hierarchy, show: Callable[[Composition, str | None], dict[Any, Any]]
    ) -> None:
        self.view = view
        self.hierarchy = hierarchy
        self.show = show

    def pick(
        self, data: Mapping[str, Any], composition: Composition, text: str | None, model: str | None, kept: Any
    ) -> dict[Any, Any]:
        """Take a persona's picks, or forget one of the visitor's own."""
        mine = kept_personas(kept)
        where, _, place = str(data.get("key")).rpartition("-")
        shelf = {"mine": mine, "forget": mine, "gallery": list(gallery())}.get(where, [])
        if not place.isdecimal() or int(place) >= len(shelf):
            raise BadRequest("This persona is not here any more: reload the page.")
        persona = shelf[int(place)]
        if where == "forget":
            mine.remove(persona)
            return self._kept(mine, f"“{persona.name}” is forgotten.")
        composition.see(text)
        is_kept = composition.is_hand_edited
        composition.become(persona, self.hierarchy)
        told = f"These are the preferences of “{persona.name}”."
        if is_kept:
            told += " Your edited text stays; “Rebuild from the picks” writes theirs."
        return self.show(composition, model) | {self.view.status: wording.note(told)}

    def save(self, composition: Composition, text: str | None, name: str | None, kept: Any) -> dict[Any, Any]:
        """Keep the present picks, and the text if it was edited, under a name; a name that is there is replaced."""
        composition.see(text)
        persona = saved(composition, (name or "").strip())
        mine = [one for one in kept_personas(kept) if one.name != persona.name]
        return self._kept([persona, *mine], f"“{persona.name}” is kept in this browser.") | {self.view.name: ""}

    def read_file(self, data: Mapping[str, Any], kept: Any) -> dict[Any, Any]:
        """Add the personas of a file; those of the same name are replaced."""
        content, file_name = str(data.get("text") or ""), str(data.get("name") or "The file")[:100]
        read = from_json(content.encode(), file_name, self.hierarchy)
        names = {one.name for one in read}
        mine = [one for one in kept_personas(kept) if one.name not in names]
        count = "One persona was" if len(read) == 1 else f"{len(read)} personas were"
        return self._kept([*read, *mine], f"{count} imported and kept in this browser.")

    def write_file(self, kept: Any) -> str:
        return to_json(kept_personas(kept))

    def shown(self, kept: Any) -> str:
        return shelf_html(kept_personas(kept), self.hierarchy)

    def _kept(self, mine: Sequence[Persona], told: str) -> dict[Any, Any]:
        if len(mine) > MAX_PERSONAS:
            raise BadRequest(f"This browser keeps at most {MAX_PERSONAS} personas: forget some first.")
        view = self.view
        dumped = [one.model_dump(mode="json", exclude_none=True) for one in mine]
        return {view.kept: dumped, view.cards: self.shown(dumped), view.status: wording.note(told)}


def saved(composition: Composition, name: str) -> Persona:
    """Make a persona of what is composed; raise `BadRequest` for what it cannot hold."""
    if not name:
        raise BadRequest("Give the persona a name first.")
    if not composition.picks.ids:
        raise BadRequest("Pick at least one preference first: a persona is a set of preferences.")
    system = composition.text if composition.is_edited else None
    try:
        return Persona(name=name, preferences=composition.picks.ids, seed=composition.seed, system=system)
    except ValidationError as error:
        raise BadRequest("A persona’s name has up to 60 characters, its text up to 8,000: shorten it.") from error


def kept_personas(kept: Any) -> list[Persona]:
    """Read what the browser kept; what does not fit, say of an older version, is left out."""
    mine = []
    for item in kept[:MAX_PERSONAS] if isinstance(kept, list) else []:
        try:
            mine.append(Persona.model_validate(item))
        except ValidationError:
            continue
    return mine
