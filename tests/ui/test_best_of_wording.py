from __future__ import annotations

from janus_space.best_of import Sample
from janus_space.ui.best_of_wording import ranked


def test_the_best_stands_alone_and_the_others_are_folded_up() -> None:
    html = ranked([Sample("<b>Arr!</b>", 1.5), Sample("Hm.", 0.5), Sample("No.", -0.5)], "B", "job:judge")
    best, others = html.split("<details")
    assert (
        "The best of 3 answers of column B, as job:judge sees them: 1.500; their mean is 0.500, the lowest -0.500"
        in best
    )
    assert "&lt;b&gt;Arr!&lt;/b&gt;" in best
    assert "The other 2" in others
    assert others.index("Hm.") < others.index("No.")
