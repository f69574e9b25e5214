"""A file of rows that only grows, one row a key: a benchmark's answers and judgements, for people to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from data_gen.job_folder import cannot_write


class KeyedLines:
    """Rows by key; a row whose key is there already is not written again, and a torn last line is not a line.

    Raises `StorageFailed` where the disk does not take what has to be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: set[str] = set()
        try:
            if path.exists():
                self._read()
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise cannot_write(error, path) from error

    def __enter__(self) -> KeyedLines:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, key: str, row: Mapping[str, Any]) -> None:
        """Append a row, unless one of this key is there."""
        if key in self._keys:
            return
        self._keys.add(key)
        try:
            self._file.write(json.dumps({"key": key, **row}, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise cannot_write(error, self._path) from error

    def _read(self) -> None:
        """Note the keys, and cut off a line that a kill has torn."""
        found = self._path.read_bytes()
        whole = found[: found.rfind(b"\n") + 1]
        if whole != found:
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
        for line in whole.splitlines():
            with suppress(ValueError, KeyError, TypeError):  # a line that somebody changed is not ours
                self._keys.add(str(json.loads(line)["key"]))
