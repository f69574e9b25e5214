"""`python -m trainer.remote_machine …`: a job on a rented machine: trains, tells, and hands back before its time is up.

It runs in a folder that was fetched from a dataset repository of the owner's, where under the job's name lie

    in/         config.yaml, the data and adapter that it names, and this package
    out/        the job's folder: what an earlier machine has handed back, and then what this one does
    stop-N      the wish that the Nth machine stops and saves
    end-N.json  how the Nth machine ended, written last

What it prints is how others follow it: each new line of events.jsonl and log.txt, with a word in front.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.checkpoints import newest_whole, step_of
from trainer.manifest import MANIFEST

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TOLD = {"event: ": "events.jsonl", "log: ": "log.txt"}
"""The word in front of a printed line, and the file of the job's folder that it belongs to."""

_MOST_GRACE_SECONDS = 1200.0
_LOOK_EVERY_SECONDS = 0.5
_SECONDS_BETWEEN_TRIES = (2, 10, 30, 60, 120)


@dataclass(frozen=True)
class Rented:
    """One machine's part in a job: where its files are, on the Hub and here, and how long it may run."""

    repository: str
    name: str
    attempt: int
    seconds: float
    look_every_seconds: float
    copy_every_seconds: float
    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def grace_seconds(self) -> float:
        """What is kept of the time, to save and hand back in; some of it was spent before this program began."""
        return min(_MOST_GRACE_SECONDS, self.seconds / 3)


def main(argv: list[str] | None = None) -> int:
    """Do the job of a folder, and hand back what became of it."""
    parser = argparse.ArgumentParser(prog="python -m trainer.remote_machine")
    for name, kind in {"repository": str, "name": str, "folder": Path, "attempt": int, "seconds": float}.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--look-every", type=float, default=15.0, help="Seconds between looks for a wish to stop")
    parser.add_argument("--copy-every", type=float, default=600.0, help="Seconds between copies of checkpoints")
    called = parser.parse_args(argv)
    machine = Rented(
        repository=called.repository,
        name=called.name,
        attempt=called.attempt,
        seconds=called.seconds,
        look_every_seconds=called.look_every,
        copy_every_seconds=called.copy_every,
        folder=called.folder.absolute(),
    )
    from huggingface_hub import HfApi

    api = HfApi()
    end = work(machine, api)
    hand_back(machine, api, end)
    return 0 if end["state"] != "failed" else 1


def work(machine: Rented, api: HfApi) -> dict[str, Any]:
    """Train in a process of its own until it ends, somebody wishes it to, or the time is nearly over."""
    began = time.monotonic()
    machine.out.mkdir(exist_ok=True)
    (machine.out / "exit.json").unlink(missing_ok=True)  # how an earlier machine ended
    teller = _Teller(machine.out)
    copies = _Copies(machine, api)
    command = [sys.executable, "-m", "trainer", "train", "config.yaml", "--out", str(machine.out)]
    training = subprocess.Popen(command, cwd=machine.folder / "in", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    looked_at = began
    why = None
    while training.poll() is None:
        time.sleep(_LOOK_EVERY_SECONDS)
        teller.tell()
        copies.take()
        now = time.monotonic()
        if why is None and now - began > machine.seconds - machine.grace_seconds:
            why = "The time that was paid for is nearly over."
        if why is None and now - looked_at > machine.look_every_seconds:
            looked_at = now
            why = "It was stopped at your wish." if _is_wished_to_stop(machine, api) else None
        if why is not None:
            (machine.out / "stop").touch()
    teller.tell()
    end = _read(machine.out / "exit.json")
    if end is None:
        reason = f"The trainer ended with exit code {training.returncode} and no word; machine.log has what it printed."
        return {"state": "failed", "reason": reason}
    return end | ({"reason": why} if end.get("state") == "stopped" and why else {})


def hand_back(machine: Rented, api: HfApi, end: dict[str, Any]) -> None:
    """Put the job's folder into the repository, and then how it ended; a run that is not done keeps its checkpoints."""
    newest = None if end["state"] == "done" else newest_whole(machine.out / "checkpoints")
    left_here = [found.name for found in machine.out.glob("checkpoints/*") if found != newest]
    _insist(
        api.upload_folder,
        repo_id=machine.repository,
        repo_type="dataset",
        folder_path=machine.out,
        path_in_repo=f"{machine.name}/out",
        ignore_patterns=[".*", "stop", *(f"checkpoints/{name}{rest}" for name in left_here for rest in ("", "/*"))],
        delete_patterns=["checkpoints/**"],
        commit_message=f"What the run has made ({end['state']})",
    )
    _insist(
        api.upload_file,
        repo_id=machine.repository,
        repo_type="dataset",
        path_or_fileobj=json.dumps(end, ensure_ascii=False, indent=2).encode(),
        path_in_repo=f"{machine.name}/end-{machine.attempt}.json",
        commit_message="How the run has ended",
    )


class _Teller:
    """Prints what is new in the job's files; what an earlier machine has written is known already."""

    def __init__(self, out: Path) -> None:
        self._files = {word: out / name for word, name in TOLD.items()}
        self._told = {word: file.stat().st_size if file.exists() else 0 for word, file in self._files.items()}

    def tell(self) -> None:
        for word, file in self._files.items():
            if not file.exists():
                continue
            with file.open("rb") as stream:
                stream.seek(self._told[word])
                whole_lines = stream.read().rpartition(b"\n")[0]
            if whole_lines:
                self._told[word] += len(whole_lines) + 1
                for line in whole_lines.decode("utf-8", "replace").splitlines():
                    sys.stdout.write(f"{word}{line}\n")
        sys.stdout.flush()


class _Copies:
    """Carries the newest checkpoint away now and then: rented machines are lost without a word, too."""

    def __init__(self, machine: Rented, api: HfApi) -> None:
        self._machine, self._api = machine, api
        self._taken_at = time.monotonic()
        self._newest: Path | None = None

    def take(self) -> None:
        if time.monotonic() - self._taken_at < self._machine.copy_every_seconds:
            return
        self._taken_at = time.monotonic()
        sealed = [file.parent for file in self._machine.out.glob(f"checkpoints/checkpoint-*/{MANIFEST}")]
        newest = max(sealed, key=step_of, default=None)
        if newest is None or newest == self._newest:
            return
        self._newest = newest
        with tempfile.TemporaryDirectory(dir=self._machine.folder) as copy:
            # A copy, by links: the run removes old checkpoints and writes its files while these are sent.
            shutil.copytree(newest, Path(copy) / "checkpoints" / newest.name, copy_function=os.link)
            for name in ("request.json", *TOLD.values()):
                shutil.copyfile(self._machine.out / name, Path(copy) / name)
            self._send(copy)

    def _send(self, copy: str) -> None:
        try:
            self._api.upload_folder(
                repo_id=self._machine.repository,
                repo_type="dataset",
                folder_path=copy,
                path_in_repo=f"{self._machine.name}/out",
                delete_patterns=["checkpoints/**"],
                commit_message="A checkpoint",
            )
        except Exception as error:  # noqa: BLE001 -- training goes on; the next copy, or the end, tries again
            sys.stdout.write(f"log: A checkpoint could not be copied to the Hub ({type(error).__name__}).\n")


def _insist(upload: Callable[..., Any], **what: Any) -> None:
    """Upload, again and again if need be: what is not handed back is lost with the machine."""
    for seconds in _SECONDS_BETWEEN_TRIES:
        try:
            upload(**what)
            return
        except Exception as error:  # noqa: BLE001 -- whatever it was, another try costs little and no try costs all
            sys.stdout.write(f"log: The Hub did not take it ({type(error).__name__}); trying again in {seconds} s.\n")
            sys.stdout.flush()
            time.sleep(seconds)
    upload(**what)


def _is_wished_to_stop(machine: Rented, api: HfApi) -> bool:
    try:
        return api.file_exists(machine.repository, f"{machine.name}/stop-{machine.attempt}", repo_type="dataset")
    except Exception:  # noqa: BLE001 -- whatever keeps the Hub from answering now, it is asked again soon
        return False


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


if __name__ == "__main__":
    sys.exit(main())
