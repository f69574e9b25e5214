"""The ledger's SQLite file: its schema, its one writer, what happens when it is damaged or the disk is full."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data_gen.errors import StorageFailed

# One step a version; a step is never changed once released, a new one is added. PRAGMA user_version counts them.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE answers (
            digest BLOB NOT NULL, max_new_tokens INTEGER NOT NULL,
            text TEXT NOT NULL, finish_reason TEXT NOT NULL,
            prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
            cost_picousd INTEGER NOT NULL, run TEXT NOT NULL, checksum INTEGER NOT NULL,
            PRIMARY KEY (digest, max_new_tokens))""",
        """CREATE TABLE runs (
            run TEXT PRIMARY KEY, spent_picousd INTEGER NOT NULL DEFAULT 0,
            lost_picousd INTEGER NOT NULL DEFAULT 0, in_flight_picousd INTEGER NOT NULL DEFAULT 0)""",
        "CREATE TABLE batches (name TEXT PRIMARY KEY, batch_id TEXT)",
    ),
)

INSERT_ANSWER = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
ADD_SPENT = """INSERT INTO runs (run, spent_picousd) VALUES (?, ?)
    ON CONFLICT (run) DO UPDATE SET spent_picousd = spent_picousd + excluded.spent_picousd"""

Statement = tuple[str, Sequence[Any]]

# Given back to the disk when it is full, so that the answers then in flight can still be kept.
_SPARE_BYTES = 8 * 2**20


def checksum(digest: bytes, text: str) -> int:
    """Return what tells a whole row from a damaged one."""
    return zlib.crc32(text.encode(), zlib.crc32(digest))


class LedgerFile:
    """One open ledger: reads go through `reader`, one thread at a time; `commit` belongs to the writer's thread."""

    def __init__(self, path: Path, *, is_writer: bool = True) -> None:
        self.path = path
        self.warning: str | None = None
        self.trouble: StorageFailed | None = None
        self._spare = path.with_name(f"{path.name}.spare")
        self._lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0, thread_local=False)
        self._writer: sqlite3.Connection | None = None
        with _one_sentence(path):
            if is_writer:
                self._open_for_writing()
            self.reader = self._connect("ro")
            if not is_writer:
                self._refuse_other_versions(self.reader)

    def commit(self, statements: Iterable[Statement]) -> None:
        """Write all of these or none, and return when they are on the disk; raise `StorageFailed` otherwise."""
        held = list(statements)
        with _one_sentence(self.path):
            try:
                self._commit(held)
            except sqlite3.Error as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL or not self._spare.exists():
                    raise
                self.trouble = _storage_failed(self.path, error)
                self._spare.unlink()
                self._commit(held)

    def close(self) -> None:
        """Close both connections and let the next writer in."""
        self.reader.close()
        if self._writer is not None:
            # A full disk may refuse the last checkpoint; the answers are safe in the -wal file then.
            with suppress(sqlite3.Error):
                self._writer.close()
        with suppress(OSError):
            if self._writer is not None:
                self._spare.unlink(missing_ok=True)
        self._lock.release()

    def _commit(self, statements: list[Statement]) -> None:
        writer = self._writer
        if writer is None:
            raise StorageFailed(f"{self.path} was opened for reading only.")
        try:
            writer.execute("BEGIN IMMEDIATE")
            for sql, values in statements:
                writer.execute(sql, values)
            writer.execute("COMMIT")
        except sqlite3.Error:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise

    def _open_for_writing(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            raise StorageFailed(
                f"{self.path} is being written by another run: wait for it, stop it, or choose another folder."
            ) from None
        try:
            _take_room(self._spare)
            try:
                self._writer = self._open_sound()
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                    raise
                self._start_anew()
        except BaseException:
            self._lock.release()
            raise

    def _open_sound(self) -> sqlite3.Connection:
        writer = self._connect("rwc")
        try:
            if (found := writer.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise _corrupt(found)
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA synchronous = FULL")
            self._migrate(writer)
        except BaseException:
            writer.close()
            raise
        return writer

    def _migrate(self, writer: sqlite3.Connection) -> None:
        version = self._refuse_other_versions(writer, is_older_welcome=True)
        if version == len(MIGRATIONS):
            return
        writer.execute("BEGIN IMMEDIATE")
        for step in MIGRATIONS[version:]:
            for sql in step:
                writer.execute(sql)
        writer.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        writer.execute("COMMIT")

    def _refuse_other_versions(self, connection: sqlite3.Connection, is_older_welcome: bool = False) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise StorageFailed(f"{self.path} was written by a newer version of this program: update it, then go on.")
        if version < len(MIGRATIONS) and not is_older_welcome:
            raise StorageFailed(f"{self.path} is of an older form: run the work once, which brings it up to date.")
        return version

    def _start_anew(self) -> None:
        """Keep the damaged file aside and read back from it whatever is whole."""
        aside = _free_name(self.path)
        for ending in ("", "-wal"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + ending).rename(aside.with_name(aside.name + ending))
        self.path.with_name(f"{self.path.name}-shm").unlink(missing_ok=True)
        self._writer = self._open_sound()
        self._writer.execute("BEGIN IMMEDIATE")
        self._writer.executemany(INSERT_ANSWER, _whole_rows(aside))
        self._writer.execute(
            "INSERT INTO runs (run, spent_picousd) SELECT run, SUM(cost_picousd) FROM answers GROUP BY run"
        )
        self._writer.execute("COMMIT")
        saved = self._writer.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
        self.warning = (
            f"{self.path.name} was damaged: {saved} answers could be read back and are used; the damaged file is kept"
            f" as {aside.name}."
        )

    def _connect(self, mode: str) -> sqlite3.Connection:
        # Each connection is used by one thread at a time, which sqlite3 cannot see.
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=5.0,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA cache_size = -8000")  # KiB
        return connection


def _take_room(spare: Path) -> None:
    with spare.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, _SPARE_BYTES)
        else:
            file.write(bytes(_SPARE_BYTES))


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside


def _whole_rows(aside: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the sound answers of a damaged file, from both ends towards the damage."""
    for order in ("ASC", "DESC"):
        with suppress(sqlite3.Error), closing(sqlite3.connect(aside)) as damaged:
            for row in damaged.execute(f"SELECT * FROM answers NOT INDEXED ORDER BY rowid {order}"):
                if isinstance(row[0], bytes) and isinstance(row[2], str) and checksum(row[0], row[2]) == row[-1]:
                    yield row


def _corrupt(found: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(found)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise _storage_failed(path, error) from error


def _storage_failed(path: Path, error: Exception) -> StorageFailed:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        said = "the disk is full"
    elif code is not None and code & 0xFF == sqlite3.SQLITE_READONLY:
        said = "the disk or the file is read-only"
    else:
        said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return StorageFailed(
        f"{path} cannot be used ({said.lower()}): every answer written so far is kept, so make room or make it"
        " writable, and start the same work again."
    )
