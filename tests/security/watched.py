"""An app that holds a sentinel in the place of every secret, and every place where a secret may not be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.hub import TOKEN
from tests.running_app import ROOT, RunningApp

HOUSE_KEY, LENT_KEY = "sk-SENTINEL-of-the-house", "sk-SENTINEL-that-was-lent"
SENTINEL = b"SENTINEL"


class Watched:
    """An app that holds secrets, what it wrote and said, and what its processes are called."""

    def __init__(self, folder: Path, app: RunningApp, token: str) -> None:
        self.folder, self.app, self.url, self.token = folder, app, app.url, token
        self.process = psutil.Process(app.process.pid)
        self.said: list[bytes] = []
        self.arguments: set[bytes] = set()

    def note_arguments(self) -> None:
        for one in (self.process, *self.process.children(recursive=True)):
            try:
                self.arguments.add("\0".join(one.cmdline()).encode())
            except psutil.Error:
                continue

    def places(self) -> Iterator[tuple[str, bytes]]:
        """Give every place where a secret may not be, but the one line that tells the launch token."""
        for path in self.folder.rglob("*"):
            if path.is_file():
                yield (
                    str(path.relative_to(self.folder)),
                    path.read_bytes().replace(f"?token={self.token}".encode(), b""),
                )
        yield from (("said", text) for text in self.said)
        yield from (("arguments", text) for text in self.arguments)


@contextmanager
def watched_app(folder: Path, *arguments: str, **environment: str) -> Iterator[Watched]:
    """Start the app with its output, its temporary files and its home in one folder."""
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    command = [sys.executable, "app.py", "--port", "0", "--home", str(folder / "home"), "--model", "echo:"]
    command += ["--launch-token", *arguments]
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment | {"TMPDIR": str(folder / "tmp")},
            stdout=output,
            stderr=output,
        )
        try:
            deadline = time.monotonic() + 120
            while not (found := re.search(r"(http://\S+)/\?token=(\S+)", (folder / "output.txt").read_text())):
                assert process.poll() is None, (folder / "output.txt").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield Watched(folder, RunningApp(found[1], process), found[2])
        finally:
            process.terminate()
            process.wait(15)


def sentinels(app: Watched) -> list[str]:
    """Name the places where a secret was found."""
    return [place for place, text in app.places() if holds_a_secret(text, app)]


def holds_a_secret(text: bytes, app: Watched) -> bool:
    """Tell whether a key, the Hub's token or the launch token stands in a text."""
    return any(secret in text for secret in (SENTINEL, TOKEN.encode(), app.token.encode()))
