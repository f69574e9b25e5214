"""How the paper's own code reads a judge's score, faults and all, for numbers that shall compare with the published.

Written anew after what `parse_judgment_abs` of kaistAI/Janus (utils/output_parser.py) does: the first number after
one of its markers, wherever it stands and whatever its size. So an answer that the judge quotes can give the score,
10 of 5 points are possible, and "score of 1" and "[3]" are not understood: in its pattern, spaces do not count.
"""

from __future__ import annotations

import re

from janus_space.judging.reply import Reading, Unreadable

_SCORE = re.compile(r"(?:\[result\]:?|\[score\]|score:?|result:|scoreof)\s*[(\[]?\s*(\d{1,4000})", re.IGNORECASE)


def read_as_the_paper(reply: str) -> Reading[int]:
    """Read the score as the original does; raise `Unreadable` where it finds none."""
    match = _SCORE.search(reply)
    if match is None:
        raise Unreadable("the paper's parser finds no score in it.")
    before, marker, _ = reply.partition("[RESULT]")
    return Reading(int(match[1]), before.strip() if marker else reply)
