"""Reading a dataset row by row: accept, edit, or reject with a reason, and take the result away."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import gradio as gr

from data_gen.errors import BadRequest
from janus_space.jobs import Jobs
from janus_space.review import Decision, ReviewBook, ReviewedRow, Which
from janus_space.ui import augment_wording, wording
from janus_space.ui.events import listen
from janus_space.ui.keyed import keyed_buttons, live_status

ROWS_A_PAGE = 3
WHICH = [("To review", "open"), ("All", "all"), ("Something noticed", "noticed"), ("Rejected", "rejected")]
DECIDED = {"accept": "Accepted", "edit": "Edited", "reject": "Rejected"}
FOCUS_JS = """() => {
  const field = [...document.querySelectorAll("#row-editor textarea")].find((one) => one.offsetParent);
  field?.focus();
  field?.closest("#row-editor").scrollIntoView({ block: "center" });
}"""
SAVE_JS = """() => {
  const save = (tries) => {
    const button = document.getElementById("dataset-file");
    if (button) button.click();
    else if (tries) setTimeout(save, 100, tries - 1);
  };
  setTimeout(save, 200, 20); // the page has the file's name a moment before the button has it
}"""

Updates = dict[Any, Any]


@dataclass(frozen=True)
class Place:
    """Where in the table somebody is: which rows, which page of them, and which row is being decided on."""

    which: Which = "open"
    page: int = 0
    key: str = ""
    decision: Decision = "accept"


class ReviewView(NamedTuple):
    """The components of the table."""

    panel: gr.Column
    which: gr.Radio
    rows: gr.HTML
    earlier: gr.Button
    later: gr.Button
    editor: gr.Column
    about: gr.HTML
    system: gr.Textbox
    output: gr.Textbox
    reason: gr.Textbox
    save: gr.Button
    cancel: gr.Button
    only_reviewed: gr.Checkbox
    download: gr.Button
    apply: gr.Button
    file: gr.DownloadButton
    status: gr.HTML
    place: gr.State


def build_review() -> ReviewView:
    """Lay out the table, hidden until there is a dataset."""
    with gr.Column(visible=False, elem_id="review") as panel:
        gr.HTML("<h3>Read it before you use it</h3>")
        which = gr.Radio(WHICH, value="open", label="Show", elem_classes="segmented", elem_id="review-which")
        with gr.Column(visible=False, elem_id="row-editor") as editor:
            about = gr.HTML()
            system = gr.Textbox(label="System message", lines=4, max_lines=14)
            output = gr.Textbox(label="Answer", lines=6, max_lines=20)
            reason = gr.Textbox(label="Reason", info="Kept with the row", max_lines=3)
            with gr.Row(elem_classes="button-row"):
                save = gr.Button("Save", size="sm", variant="primary", elem_id="save-review")
                cancel = gr.Button("Cancel", size="sm", elem_classes="quiet")
        rows = keyed_buttons("", elem_id="review-rows")
        with gr.Row(elem_classes="button-row"):
            earlier = gr.Button("Earlier rows", size="sm", visible=False, elem_classes="quiet")
            later = gr.Button("More rows", size="sm", visible=False, elem_classes="quiet")
        gr.HTML("<h3>Take it away</h3>")
        only_reviewed = gr.Checkbox(
            False, label="Leave out rows that nobody has reviewed", container=False, elem_id="only-reviewed"
        )
        with gr.Row(elem_classes="button-row"):
            apply = gr.Button("Download as reviewed", size="sm", elem_classes="quiet")
            download = gr.Button("Download as it came", size="sm", elem_classes="quiet")
            file = gr.DownloadButton("Save the file", size="sm", visible=False, elem_id="dataset-file")
        status = live_status()
    return ReviewView(
        *(panel, which, rows, earlier, later, editor, about, system, output, reason, save, cancel),
        *(only_reviewed, download, apply, file, status, gr.State(Place())),
    )


@dataclass(frozen=True)
class ReviewTable:
    """The table at work on the job that the panel shows."""

    view: ReviewView
    jobs: Jobs
    verb: str
    outputs: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", list(self.view))

    def show(self, job: Path | None, place: Place) -> Updates:
        """Show a page of a job's rows; nothing where there is no dataset."""
        view = self.view
        if job is None or not (ReviewBook(job).dataset / "sft.jsonl").exists():
            return {view.panel: gr.update(visible=False)}
        rows, total = ReviewBook(job).page(place.which, place.page * ROWS_A_PAGE, ROWS_A_PAGE)
        if not rows and place.page:
            return self.show(job, replace(place, page=place.page - 1))
        return {
            view.panel: gr.update(visible=True),
            view.which: place.which,
            view.rows: _rows(rows, total, place),
            view.earlier: gr.update(visible=place.page > 0),
            view.later: gr.update(visible=(place.page + 1) * ROWS_A_PAGE < total),
            view.editor: gr.update(visible=False),
            view.file: gr.update(visible=False),
            view.status: "",
            view.place: replace(place, key=""),
        }

    def wire(self, chosen: gr.State) -> None:
        """Register the listeners; `chosen` names the job."""
        view, verb = self.view, self.verb
        at = [chosen, view.place]
        told = [view.system, view.output, view.reason]
        picked = listen(view.rows.select, f"{verb}_review_pick", self.pick, at, self.outputs)
        listen(picked.success, f"{verb}_review_focus", None, js=FOCUS_JS)
        listen(view.which.input, f"{verb}_review_which", self.choose, [chosen, view.which], self.outputs)
        listen(view.earlier.click, f"{verb}_review_earlier", self.earlier, at, self.outputs)
        listen(view.later.click, f"{verb}_review_later", self.later, at, self.outputs)
        listen(view.save.click, f"{verb}_review_save", self.save, [*at, *told], self.outputs)
        listen(view.cancel.click, f"{verb}_review_cancel", lambda: gr.update(visible=False), [], [view.editor])
        outputs = [view.file, view.status]
        plain = listen(view.download.click, f"{verb}_download", self.download, [chosen], outputs)
        reviewed = [chosen, view.only_reviewed]
        applied = listen(view.apply.click, f"{verb}_download_reviewed", self.download_reviewed, reviewed, outputs)
        listen(plain.success, f"{verb}_save_file", None, js=SAVE_JS)
        listen(applied.success, f"{verb}_save_reviewed", None, js=SAVE_JS)

    async def pick(self, data: Mapping[str, Any], chosen: str, place: Place) -> Updates:
        """Accept a row at once; open the editor for what needs a word."""
        decision, _, key = str(data.get("key", "")).partition(":")
        book = self._book(chosen)
        if decision not in get_args(Decision):
            raise BadRequest("The page sent a decision that is not known: reload the page.")
        row = await asyncio.to_thread(book.find, key)
        if decision == "accept":
            await asyncio.to_thread(book.add, row, "accept")
            return await self._again(chosen, place)
        return self._opened(row, replace(place, key=key, decision=cast(Decision, decision)))

    async def choose(self, chosen: str, which: str) -> Updates:
        """Show other rows."""
        found = next((value for _, value in WHICH if value == which), "open")
        return await self._again(chosen, Place(which=cast(Which, found)))

    async def earlier(self, chosen: str, place: Place) -> Updates:
        """Turn a page back."""
        return await self._again(chosen, replace(place, page=max(0, place.page - 1)))

    async def later(self, chosen: str, place: Place) -> Updates:
        """Turn a page on."""
        return await self._again(chosen, replace(place, page=place.page + 1))

    async def save(self, chosen: str, place: Place, system: str, output: str, reason: str) -> Updates:
        """Keep what was decided in the editor."""
        book = self._book(chosen)
        row = await asyncio.to_thread(book.find, place.key)
        edited = {"system": system or "", "output": output or ""} if place.decision == "edit" else {}
        await asyncio.to_thread(book.add, row, place.decision, reason or "", **edited)
        return await self._again(chosen, place)

    async def download(self, chosen: str) -> Updates:
        """Pack the dataset as it was made."""
        return await asyncio.to_thread(self._packed, chosen, self._book(chosen).dataset, "")

    async def download_reviewed(self, chosen: str, only_reviewed: bool) -> Updates:
        """Apply the reviews to a copy, and pack that."""
        book = self._book(chosen)
        told = await asyncio.to_thread(book.apply, bool(only_reviewed))
        counts = told["review"]
        said = (
            f"{told['rows']['sft']:,} rows: {counts['accept']:,} accepted, {counts['edit']:,} edited,"
            f" {counts['unreviewed']:,} not reviewed; {counts['reject']:,} rejected are left out."
        )
        return await asyncio.to_thread(self._packed, chosen, book.job / "reviewed", said)

    def _packed(self, chosen: str, folder: Path, said: str) -> Updates:
        packed = Path(tempfile.mkdtemp(dir=self.view.file.GRADIO_CACHE)) / f"{chosen}-{folder.name}"
        shutil.make_archive(str(packed), "zip", folder.parent, folder.name)
        file = f"{packed.name}.zip"
        kept = f"{said} Kept in {folder}." if said else f"Kept in {folder}."
        return {
            self.view.file: gr.update(value=packed.with_name(file), label=f"Save {file}", visible=True),
            self.view.status: wording.note(kept),
        }

    def _opened(self, row: ReviewedRow, place: Place) -> Updates:
        view, is_edit = self.view, place.decision == "edit"
        title = "Edit this row" if is_edit else "Reject this row"
        return {
            view.place: place,
            view.editor: gr.update(visible=True),
            view.about: f"<h3>{title}</h3><p class='hint'>{escape(row.made.prompt)}</p>",
            view.system: gr.update(value=row.record.system, visible=is_edit),
            view.output: gr.update(value=row.record.output, visible=is_edit),
            view.reason: gr.update(value=row.review.reason if row.review else "", label="Reason"),
            view.save: "Save" if is_edit else "Reject",
        }

    async def _again(self, chosen: str, place: Place) -> Updates:
        return await asyncio.to_thread(self.show, self._book(chosen).job, place)

    def _book(self, chosen: str) -> ReviewBook:
        return ReviewBook(self.jobs.find(f"{self.verb}/{chosen}").folder)


def _rows(rows: list[ReviewedRow], total: int, place: Place) -> str:
    if not rows:
        nothing = "Every row has been reviewed." if place.which == "open" else "There are no such rows."
        return f"<p class='hint'>{nothing}</p>"
    first = place.page * ROWS_A_PAGE + 1
    drawn = "".join(f"<li>{augment_wording.card(row.record, _foot(row))}</li>" for row in rows)
    return (
        f"<p class='hint'>Rows {first:,} to {first + len(rows) - 1:,} of {total:,}</p>"
        f"<ul class='row-cards whole'>{drawn}</ul>"
    )


def _foot(row: ReviewedRow) -> str:
    key = escape(row.key, quote=True)
    told = ""
    if row.review is not None:
        reason = f": {escape(row.review.reason)}" if row.review.reason else ""
        told = f"<span class='decided {row.review.decision}'>{DECIDED[row.review.decision]}{reason}</span>"
    buttons = "".join(
        f"<button type='button' class='quiet' data-key='{decision}:{key}'>{label}</button>"
        for decision, label in (("accept", "Accept"), ("edit", "Edit"), ("reject", "Reject"))
    )
    return f"<footer>{buttons}{told}</footer>"
