"""What an influence says, in words, and as the value that assets/ui/influence.js draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from janus_space.explain import LINE_BREAK, Influence, PartInfluence
from janus_space.phrases import phrases

WHOLE = "The whole message"
STEPS = (2, 8, 32)
"""How many times likelier, or less likely, a token must be for each shade."""

_ALMOST_EQUAL = 1.05
_MOST = 1_000_000
_CHIP_CHARACTERS = 60
_PHRASES_A_PART = 3


def times(nats: float) -> str:
    """Say a difference of log-probabilities as `8 times more likely`."""
    direction = "more" if nats > 0 else "less"
    if abs(nats) > math.log(_MOST):
        return f"over a million times {direction} likely"
    ratio = math.exp(abs(nats))
    if ratio < _ALMOST_EQUAL:
        return "as likely as without it"
    rounded = float(f"{ratio:.2g}")
    return f"{rounded:,.0f} times {direction} likely" if rounded >= 10 else f"{rounded:g} times {direction} likely"


def shortened(text: str) -> str:
    """Make a part of a message short enough for a chip."""
    words = " ".join(text.split())
    return words if len(words) <= _CHIP_CHARACTERS else words[: _CHIP_CHARACTERS - 1].rstrip() + "…"


def drawn(found: Influence) -> dict[str, Any]:
    """Give what the script draws: the tokens, and a layer for the message and for each of its parts."""
    whole = {
        "name": WHOLE,
        "verdict": "",
        "said": whole_said(found),
        "influence": _rounded(found.influence),
        "phrases": [
            {"text": phrase.text, "said": _phrase_said(phrase.influence, phrase.part)} for phrase in found.phrases
        ],
    }
    return {"tokens": list(found.tokens), "layers": [whole, *(_layer(one, found.tokens) for one in found.parts)]}


def whole_said(found: Influence) -> str:
    """Sum up what the whole message did."""
    n_tokens = len(found.tokens)
    counted = "1 token" if n_tokens == 1 else f"{n_tokens:,} tokens"
    return (
        f"On average, the system message made each token (a word or a piece of one) {times(found.mean)}: "
        f"{found.mean:+.2f} nats a token, {found.total:+.1f} over all {counted}."
    )


def part_said(one: PartInfluence, tokens: Sequence[str]) -> str:
    """Say whether a part of the message was followed, and where it shows most."""
    if one.is_ignored:
        return "Ignored: without it, no phrase of this answer would be much less likely."
    found = phrases(tokens, one.influence)
    if not found:
        return f"Followed: it made the answer as a whole {times(one.total)}."
    worth, start, end = found[0]
    return f"Followed: most of all, it made “{_words(tokens, start, end)}” {times(worth)}."


def _layer(one: PartInfluence, tokens: Sequence[str]) -> dict[str, Any]:
    return {
        "name": shortened(one.part.name),
        "verdict": "ignored" if one.is_ignored else "followed",
        "said": part_said(one, tokens),
        "influence": _rounded(one.influence),
        "phrases": [
            {"text": _words(tokens, start, end), "said": times(worth)}
            for worth, start, end in phrases(tokens, one.influence)[:_PHRASES_A_PART]
        ],
    }


def _words(tokens: Sequence[str], start: int, end: int) -> str:
    return "".join(tokens[start:end]).strip() or LINE_BREAK


def _phrase_said(nats: float, part: str | None) -> str:
    return times(nats) if part is None else f"{times(nats)}, most by “{shortened(part)}”"


def _rounded(nats: Sequence[float]) -> list[float]:
    return [round(one, 2) for one in nats]
