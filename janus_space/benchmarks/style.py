"""How an answer looks rather than what it says: its length and its Markdown, as Arena-Hard's style control counts them.

Source: lmarena/arena-hard-auto, utils/add_markdown_info.py. Length is in characters where the original counts the
tokens of one tokenizer: only the ratio of two lengths is used, in which the unit cancels but for a few per cent.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

FEATURES = ("length", "headers", "lists", "bold")

_CODE = re.compile(r"```[^`]*```")
_HEADER = re.compile(r"^#{1,6}\s", re.MULTILINE)
_LIST = re.compile(r"^[^\S\n]*(?:\d+\.|[-*+])\s", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")


def style(text: str) -> tuple[int, int, int, int]:
    """Count an answer's characters, headers, list items and bold passages; code has no style."""
    prose = _CODE.sub("", text)
    return len(text), len(_HEADER.findall(prose)), len(_LIST.findall(prose)), len(_BOLD.findall(prose))


def style_difference(ours: str, theirs: str) -> NDArray[np.float64]:
    """Return how far ours exceeds theirs in each feature, from -1 to 1; 0 for two answers that look alike."""
    mine, other = np.array(style(ours), float), np.array(style(theirs), float)
    return np.asarray((mine - other) / (mine + other + 1))
