"""Lines that arrive in any order and are read back in theirs, with the text on disk and 16 bytes a line in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType


class Spool:
    """A temporary file of lines, each with its number; a number comes once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w+b")
        self._numbers = array("q")
        self._starts = array("q")

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, line: str) -> None:
        self._numbers.append(number)
        self._starts.append(self._file.tell())
        self._file.write(line.encode() + b"\n")

    def __iter__(self) -> Iterator[str]:
        """Yield the lines by number; none may be added meanwhile."""
        self._file.flush()
        for place in sorted(range(len(self._numbers)), key=self._numbers.__getitem__):
            self._file.seek(self._starts[place])
            yield self._file.readline().decode().removesuffix("\n")
        self._file.seek(0, 2)
