"""What happened in a column, in words. All of it is HTML made here, with every foreign text escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from data_gen.chat import Completion, FinishReason, Sent, SystemRole
from janus_space.comparison import ColumnEvent
from janus_space.diff import Piece

FINISHED: dict[FinishReason, str] = {
    "stop": "finished",
    "length": "cut at the length limit",
    "stopped": "stopped by you",
}
SYSTEM_ROLES: dict[SystemRole, str] = {
    "native": "The system message went to the model in a role of its own.",
    "folded": "This model has no system role: the system message was folded into the user turn.",
    "none": "No system message was sent, by your choice.",
    "default": "You sent no system message; the model’s template added one of its own.",
    "unknown": "The endpoint renders the prompt itself; this is what was sent to it.",
}


def status(event: ColumnEvent) -> str:
    """Say in one line how far a column has come."""
    if event.state == "waiting":
        return _line("waiting", f"waiting: {event.note or 'starting the model…'}")
    if event.state == "streaming":
        return _line("streaming", "answering…")
    if event.state == "failed":
        return _line("failed", event.note or "The answer failed.")
    return _line(event.state, figures(event))


def note(text: str) -> str:
    """Say something in the manner of a status line."""
    return _line("note", text)


def working(text: str) -> str:
    """Say what is being done, with the sign of work under way."""
    return _line("streaming", text)


def failed(text: str) -> str:
    """Say what could not be done, and why."""
    return _line("failed", text)


def figures(event: ColumnEvent) -> str:
    """Give an answer's timings and how it ended: `first token 0.4 s · 31 tokens/s · 120 tokens · finished`."""
    completion = event.completion
    if completion is None:
        return "stopped by you" if event.state == "stopped" else ""
    ending = "stopped by you" if event.state == "stopped" else FINISHED[completion.finish_reason]
    return " · ".join([*_counts(completion), ending])


def _counts(completion: Completion) -> Iterable[str]:
    timings = completion.timings
    if timings is not None:
        yield f"first token {_seconds(timings.ttft_s)}"
        if timings.tokens_per_s is not None:
            yield f"{timings.tokens_per_s:.0f} tokens/s"
    if completion.tokens is not None:
        yield "1 token" if completion.tokens == 1 else f"{completion.tokens:,} tokens"


def sent(what: Sent) -> str:
    """Show the text that a model really read, and say how it took the system message."""
    return f"<p>{SYSTEM_ROLES[what.system_role]}</p><pre tabindex='0'>{escape(what.text)}</pre>"


def marked(pieces: Iterable[Piece]) -> str:
    """Mark the words that differ from the baseline; one HTML block, so that no Markdown is read in it."""
    words = (f"<mark>{_block(piece.text)}</mark>" if piece.is_different else _block(piece.text) for piece in pieces)
    return f"<div class='words'>{''.join(words)}</div>"


def _block(text: str) -> str:
    # A blank line would end the HTML block and let Markdown read what follows.
    return escape(text).replace("\n", "<br>")


def _line(state: str, text: str) -> str:
    return f"<p class='status-line {state}'>{escape(text)}</p>" if text else ""


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"
