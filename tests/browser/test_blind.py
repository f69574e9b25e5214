"""Before a blind vote, no byte that the browser receives tells which answer is whose."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.blind import ANSWER, FINGERPRINTS, blind_visitor, fingerprints

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

N_ROUNDS = 3


def test_nothing_that_the_browser_receives_tells_who_is_who_before_the_vote(chromium: Browser, tmp_path: Path) -> None:
    with blind_visitor(chromium, tmp_path) as visitor:
        assert any("first token" in leak for leak in visitor.open_leaks)  # what is looked for can be found
        forms = set()
        for number in range(N_ROUNDS):
            one = visitor.round(choice=1 + number % 2)
            assert one.leaks == []
            assert one.n_bytes > 1_000
            forms.add(one.form)
            slow_place = next(place for place, answer in enumerate(one.answers) if answer.startswith(ANSWER[:20]))
            assert one.shown[slow_place] == "A"
            assert ANSWER[:20] in visitor.compare.answer("A").inner_text()
            assert "first token" in visitor.compare.status("B").inner_text()
            visitor.again()
        assert len(forms) == 1


def test_a_fingerprint_is_found_beside_an_answer_and_not_inside_it() -> None:
    assert len(fingerprints("".join(FINGERPRINTS), [])) == len(FINGERPRINTS)
    assert fingerprints("<p>I said openai: and Echo</p><p>I said op</p>", ["I said openai: and Echo"]) == []
    assert len(fingerprints("<p>I said open</p><i>openai</i>", ["I said openai: and Echo"])) == 1
