"""A table of measurements: what was measured, and its ratio against what it must reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One measurement; `ratio` is compared with the bound, when there is one."""

    what: str
    measured: str
    ratio: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_kept(self) -> bool:
        ratio = self.ratio or 0.0
        return (self.at_most is None or ratio <= self.at_most) and (self.at_least is None or ratio >= self.at_least)

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the line as text: what, measured, ratio, bound, verdict."""
        bound = (
            f"≤ {self.at_most}"
            if self.at_most is not None
            else f"≥ {self.at_least}"
            if self.at_least is not None
            else ""
        )
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} ×"
        return self.what, self.measured, ratio, bound, ("" if not bound else "kept" if self.is_kept else "MISSED")


def as_markdown(lines: Iterable[Line]) -> str:
    """Draw the table."""
    rows = [("what", "measured (median)", "ratio", "bound", ""), *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    drawn = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    drawn.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(drawn)
