"""Status lines, in words, with every foreign text escaped."""

from __future__ import annotations

import pytest

from data_gen.chat import Completion, Sent, Timings
from janus_space.comparison import ColumnEvent
from janus_space.diff import Piece
from janus_space.ui import wording

FULL = Completion(
    text="So.", finish_reason="stop", tokens=120, timings=Timings(ttft_s=0.42, total_s=4, tokens_per_s=30.7)
)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ColumnEvent(column=0, state="waiting"), "waiting: starting the model…"),
        (ColumnEvent(column=0, state="waiting", note="Loading weights"), "waiting: Loading weights"),
        (ColumnEvent(column=0, state="streaming", text="S"), "answering…"),
        (
            ColumnEvent(column=0, state="done", completion=FULL),
            "first token 0.4 s · 31 tokens/s · 120 tokens · finished",
        ),
        (
            ColumnEvent(column=0, state="done", completion=Completion(text="", finish_reason="length", tokens=1)),
            "1 token · cut at the length limit",
        ),
        (ColumnEvent(column=0, state="stopped", text="S"), "stopped by you"),
        (ColumnEvent(column=0, state="failed", note="<script>no</script>"), "&lt;script&gt;no&lt;/script&gt;"),
    ],
)
def test_a_status_says_how_far_a_column_is(event: ColumnEvent, words: str) -> None:
    assert wording.status(event) == f"<p class='status-line {event.state}'>{words}</p>"


@pytest.mark.parametrize("role", ["native", "folded", "none", "default", "unknown"])
def test_what_was_sent_is_shown_as_text_with_how_it_went(role: str) -> None:
    shown = wording.sent(Sent(text="<s>[INST] & so on", system_role=role))
    assert "&lt;s&gt;[INST] &amp; so on" in shown
    assert wording.SYSTEM_ROLES[role] in shown


def test_marked_words_are_one_block_without_markup_of_their_own() -> None:
    pieces = [Piece("# not a heading\n\n", False), Piece("<b>new</b>", True)]
    assert wording.marked(pieces) == (
        "<div class='words'># not a heading<br><br><mark>&lt;b&gt;new&lt;/b&gt;</mark></div>"
    )
