"""Grading by hand on the Benchmark tab: one answer and one rubric at a time, and how far person and judge agree."""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

import gradio as gr

from janus_space.bench_order import VERB
from janus_space.benchmarks.by_hand import SCORES, Agreement, ByHand, Shown
from janus_space.job import Job
from janus_space.jobs import Jobs
from janus_space.ui.events import listen
from janus_space.ui.keyed import live_status

Updates = dict[Any, Any]
_ALPHA_HINT = "1 is perfect agreement, 0 is what chance gives"


class ByHandView(NamedTuple):
    """The components of the panel."""

    panel: gr.Accordion
    case: gr.HTML
    grade: gr.Radio
    save: gr.Button
    agreement: gr.HTML
    key: gr.State
    """The case that is shown."""


def build_by_hand() -> ByHandView:
    """Lay out the panel, closed, hidden where there is nothing to grade."""
    with gr.Accordion(
        "Grade some answers yourself", open=False, visible=False, elem_classes="drawer", elem_id="by-hand"
    ) as panel:
        case = gr.HTML(elem_id="by-hand-case")
        grade = gr.Radio(list(SCORES), label="Your grade", elem_classes="segmented", elem_id="by-hand-grade")
        save = gr.Button("Keep and next", size="sm", elem_classes="quiet", scale=0, min_width=150)
        agreement = live_status(elem_id="by-hand-agreement")
    return ByHandView(panel, case, grade, save, agreement, gr.State(""))


def shown(view: ByHandView, job: Job | None) -> Updates:
    """Bring the panel up to what is graded."""
    if job is None or job.request.get("bench") != "multifaceted" or not ByHand.can_grade(job.folder):
        return {view.panel: gr.update(visible=False)}
    book = ByHand(job.folder)
    case = book.next()
    return {
        view.panel: gr.update(visible=True),
        view.case: _case(case),
        view.grade: gr.update(value=None, visible=case is not None),
        view.save: gr.update(visible=case is not None),
        view.agreement: _agreement(book.agreement()),
        view.key: case.key if case else "",
    }


def wire_by_hand(view: ByHandView, chosen: gr.State, jobs: Jobs) -> None:
    """Register the panel's listener."""

    def keep(name: str, key: str, grade: int | None) -> Updates:
        job = jobs.find(f"{VERB}/{name}")
        ByHand(job.folder).grade(key, int(grade or 0))
        return shown(view, job)

    listen(view.save.click, f"{VERB}_by_hand", keep, [chosen, view.key, view.grade], list(view))


def _case(case: Shown | None) -> str:
    if case is None:
        return "<p class='status-line'>All of the sample is graded.</p>"
    described = case.rubric.score_descriptions.model_dump(by_alias=True)
    levels = "".join(f"<li value='{score}'>{escape(text)}</li>" for score, text in described.items())
    return (
        f"<p class='hint'>Answer {case.number} of {case.of}. Its model and what the judge gave are not shown.</p>"
        f"<div class='asked'><p class='asked-system'>{escape(case.system)}</p>"
        f"<p class='asked-prompt'>{escape(case.prompt)}</p></div>"
        f"<p class='answer-text'>{escape(case.answer)}</p>"
        f"<h4>{escape(case.rubric.criteria)}</h4><ol class='levels'>{levels}</ol>"
    )


def _agreement(told: Agreement) -> str:
    if not told.n:
        return ""
    if told.alpha is None:
        return f"<p class='status-line'>{told.n} graded; agreement needs grades that differ.</p>"
    return (
        f"<p class='status-line'>Krippendorff’s alpha with the judge: {told.alpha:.2f}, on {told.n} graded."
        f" <span class='quiet'>{_ALPHA_HINT}.</span></p>"
    )
