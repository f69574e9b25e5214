"""Style is counted as Arena-Hard counts it."""

from __future__ import annotations

import pytest

from janus_space.benchmarks.style import style, style_difference

MARKDOWN = """# Title
## Part
Some **bold** and __more__ text, 2**3 and a*b*c.

- one
* two
  1. three
```
# no header
- no item **not bold**
```
"""


def test_counts() -> None:
    assert style(MARKDOWN) == (len(MARKDOWN), 2, 3, 2)
    assert style("Plain.") == (6, 0, 0, 0)


def test_differences_lie_between_minus_one_and_one_and_turn_with_the_order() -> None:
    there, back = style_difference(MARKDOWN, "Plain."), style_difference("Plain.", MARKDOWN)
    assert list(there) == pytest.approx(list(-back))
    assert (abs(there) < 1).all()
    assert list(style_difference("a", "b")) == [0, 0, 0, 0]
