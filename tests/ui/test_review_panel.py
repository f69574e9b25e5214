"""The review's words; its work is in the browser's tests and in tests/janus_space/test_review.py."""

from __future__ import annotations

from janus_space.review import Review, ReviewedRow, digest, key_of
from janus_space.ui.review_panel import Place, _rows
from tests.ui.test_augment_wording import EVIL, record


def test_a_row_offers_its_decisions_and_tells_the_one_taken() -> None:
    made = record(instruction_id="'x' <b>", prompt="Why?")
    review = Review(time="now", row=key_of(made), of=digest(made), decision="reject", reason=EVIL)
    shown = _rows([ReviewedRow(key_of(made), made, review)], 7, Place(page=1))
    assert "Rows 4 to 4 of 7" in shown
    assert "data-key='reject:&#x27;x&#x27; &lt;b&gt;/0'" in shown
    assert "Rejected: &lt;img" in shown
    assert EVIL not in shown


def test_an_empty_page_says_why() -> None:
    assert "Every row has been reviewed" in _rows([], 0, Place())
    assert "no such rows" in _rows([], 0, Place(which="noticed"))
