"""Follow a rented machine: its log becomes the job's own files, a wish to stop goes there, what it made comes here.

Nothing here is needed for the run itself: the machine goes on, stops in time and hands back with nobody following.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from janus_space.errors import JobRefused
from janus_space.job import KILL, Job, read_json, write_json
from janus_space.remote_price import HubSilent, HubUnknown, hub, hub_in_words
from janus_space.remote_train import Rental, is_running, started
from trainer.job_folder import JobFolder
from trainer.remote_machine import TOLD

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobStatus

T = TypeVar("T")

LOOK_EVERY_SECONDS = 5.0
METRICS_EVERY_SECONDS = 30.0
STOP_GRACE_SECONDS = 1200.0
"""That a machine has for saving and handing back, before it is ended."""

_MACHINE_LOG = "machine.log"
_ONCE_A_STEP = ("step", "steerability", "samples", "saved")
_MOST_PATIENCE_SECONDS = 60.0
_PAY_AGAIN = "the same command with --remote rents another machine and goes on from what was saved."


def follow(job: Job, look_every_seconds: float = LOOK_EVERY_SECONDS) -> dict[str, Any]:
    """Start the machine of a job, or find it, and stay with it; return how the job ended.

    Raises:
        JobRefused: the Hub said no; a machine that runs goes on, and ends by itself
    """
    folder = JobFolder(job.folder)
    api = hub()
    rental = patiently(folder, lambda: started(api, job, look_every_seconds))
    if rental is None:
        return {"state": "stopped", "reason": "It was stopped before a machine was rented, so nothing is to be paid."}
    follower = _Follower(api, job, folder, rental, look_every_seconds)
    status = follower.until_it_ends()
    with tempfile.TemporaryDirectory(prefix=".fetched-", dir=job.folder) as scratch:
        fetched = patiently(folder, lambda: _fetched(api, rental, Path(scratch)))
        end = read_json(fetched / f"end-{rental.attempt}.json")
        _take_over(job, fetched / "out")
    if end is None:
        return _end_without_a_word(status, follower.last_words)
    if end["state"] == "stopped":
        end["reason"] = f"{end.get('reason', 'It was stopped.')} What it had done is kept: {_PAY_AGAIN}"
    if "result" in end:
        end["result"] = str(job.folder / Path(end["result"]).name)
    return end | {"out": str(job.folder)}


class _Follower:
    """Stays with one machine until it ends."""

    def __init__(self, api: HfApi, job: Job, folder: JobFolder, rental: Rental, look_every_seconds: float) -> None:
        self._api, self._job, self._folder, self._rental = api, job, folder, rental
        self._look_every_seconds = look_every_seconds
        self._known = {line for name in (*TOLD.values(), _MACHINE_LOG) for line in _lines(job.folder / name)}
        self._has_ended = threading.Event()
        self._takes_lines = True
        self._stage = ""
        self._asked_to_stop_at: float | None = None
        self._is_cancelled = False
        self.last_words = ""

    def until_it_ends(self) -> JobStatus | None:
        """Copy the machine's log into the job's files while looking at its state; return the last one.

        None where the Hub has forgotten the machine: what it has handed back is still there.
        """
        self._say(
            f"{self._rental.flavor}, {self._rental.usd_an_hour:.2f} USD an hour, ended after"
            f" {self._rental.most_hours:g} hours: {self._api.endpoint}/jobs/{self._rental.owner}/{self._rental.machine}"
        )
        reader = threading.Thread(target=self._read_log, daemon=True)
        reader.start()
        measured_at = time.monotonic()
        while (status := patiently(self._folder, self._inspect)) is not None and is_running(status):
            self._carry_the_wish_to_stop()
            if status.stage == "RUNNING" and time.monotonic() - measured_at > METRICS_EVERY_SECONDS:
                measured_at = time.monotonic()
                self._measure()
            self._wait()
        self._has_ended.set()
        reader.join(3 * self._look_every_seconds)
        self._takes_lines = False
        return status

    def _inspect(self) -> JobStatus | None:
        try:
            with hub_in_words():
                found = self._api.inspect_job(job_id=self._rental.machine or "", namespace=self._rental.owner).status
        except HubUnknown:
            return None
        if found.stage != self._stage:
            self._stage = found.stage
            self._say(f"The rented machine is {self._stage.lower()}.")
            self._folder.event("remote", stage=self._stage, machine=self._rental.machine, flavor=self._rental.flavor)
        return found

    def _wait(self) -> None:
        """Sleep, but not through a wish."""
        until = time.monotonic() + self._look_every_seconds
        while time.monotonic() < until and not (self._job.is_asked_to_stop and self._asked_to_stop_at is None):
            time.sleep(min(0.5, self._look_every_seconds))

    def _carry_the_wish_to_stop(self) -> None:
        if not self._job.is_asked_to_stop or self._is_cancelled:
            return
        is_kill = (self._job.folder / "stop").read_text("utf-8") == KILL
        has_begun = self._stage == "RUNNING"
        now = time.monotonic()
        asked_at = now if self._asked_to_stop_at is None else self._asked_to_stop_at
        if is_kill or not has_begun or now - asked_at > STOP_GRACE_SECONDS:
            self._is_cancelled, self._asked_to_stop_at = True, asked_at
            self._say("Ending the rented machine.")
            patiently(self._folder, self._cancel)
        elif self._asked_to_stop_at is None:
            self._asked_to_stop_at = now
            self._say("Asking the rented machine to save, hand back, and end.")
            patiently(self._folder, self._ask_to_stop)

    def _cancel(self) -> None:
        with hub_in_words():
            self._api.cancel_job(job_id=self._rental.machine or "", namespace=self._rental.owner)

    def _ask_to_stop(self) -> None:
        with hub_in_words():
            self._api.upload_file(
                repo_id=self._rental.repository,
                repo_type="dataset",
                path_or_fileobj=b"stop\n",
                path_in_repo=f"{self._rental.name}/stop-{self._rental.attempt}",
                commit_message="It shall stop",
            )

    def _read_log(self) -> None:
        """Take the machine's lines as they come, from the first on: those that are known are known."""
        while True:
            try:
                with hub_in_words():
                    for line in self._api.fetch_job_logs(
                        job_id=self._rental.machine or "", follow=True, namespace=self._rental.owner
                    ):
                        self._take(line)
                return
            except JobRefused:  # there may be no log before there is a machine
                if self._has_ended.wait(self._look_every_seconds):
                    return

    def _take(self, line: str) -> None:
        word = next((word for word in TOLD if line.startswith(word)), "")
        text = line.removeprefix(word).rstrip()
        if not word:
            self.last_words = text or self.last_words
        if text and text not in self._known and self._takes_lines:
            self._known.add(text)
            with (self._job.folder / TOLD.get(word, _MACHINE_LOG)).open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")

    def _measure(self) -> None:
        try:
            with hub_in_words():
                found: Iterator[dict[str, Any]] = iter(
                    self._api.fetch_job_metrics(job_id=self._rental.machine or "", namespace=self._rental.owner)
                )
                told = next(found, None)
        except JobRefused:
            return
        if told is not None:
            self._folder.event("machine", **_figures(told))

    def _say(self, sentence: str) -> None:
        self._folder.log(sentence)


def patiently(folder: JobFolder, ask: Callable[[], T]) -> T:
    """Ask the Hub until it answers: a laptop may be closed, a network may be gone, and the machine goes on."""
    seconds = 2.0
    while True:
        try:
            return ask()
        except HubSilent as error:
            if seconds == 2.0:
                folder.log(f"{error} Trying again and again; what is rented goes on meanwhile.")
            time.sleep(seconds)
            seconds = min(_MOST_PATIENCE_SECONDS, seconds * 2)


def _fetched(api: HfApi, rental: Rental, scratch: Path) -> Path:
    """Download what the machine has handed back, without its checkpoints: the next one takes them from the Hub."""
    with hub_in_words():
        root = api.snapshot_download(
            rental.repository,
            repo_type="dataset",
            local_dir=scratch,
            allow_patterns=[f"{rental.name}/out/**", f"{rental.name}/end-*.json"],
            ignore_patterns=["*/checkpoints/*"],
        )
    return Path(root) / rental.name


def _take_over(job: Job, out: Path) -> None:
    """Move what was fetched into the job's folder; its own events stay among the machine's."""
    if not out.is_dir():
        return
    lines = [*_lines(out / "events.jsonl"), *_lines(job.folder / "events.jsonl")]
    merged = _merged(lines)
    for found in sorted(out.iterdir()):
        place = job.folder / found.name
        if found.name in ("events.jsonl", "exit.json", "log.txt"):
            continue
        if found.name == "request.json":
            _take_request(job, read_json(found) or {})
        elif found.is_dir():
            shutil.rmtree(place, ignore_errors=True)
            found.rename(place)
        else:
            found.replace(place)
    unfinished = out / "merged.jsonl"
    unfinished.write_text("".join(f"{line}\n" for line in merged), "utf-8")
    unfinished.replace(job.folder / "events.jsonl")


def _merged(lines: list[str]) -> list[str]:
    """Put the machine's events, which are whole, and this side's in the order of time, each told once."""
    kept: dict[Any, tuple[float, str]] = {}
    for line in lines:
        try:
            event = json.loads(line)
            kind, when = event["event"], float(event["time"])
        except (ValueError, KeyError, TypeError):
            continue
        key = (kind, event.get("step")) if kind in _ONCE_A_STEP else line
        kept.setdefault(key, (when, line))
    return [line for _, line in sorted(kept.values(), key=lambda told: told[0])]


def _take_request(job: Job, settled: dict[str, Any]) -> None:
    """Keep the request as the machine settled it; folders are named as they are called here."""
    if settled:
        here = {name: job.request.get(name) for name in ("dataset", "eval_dataset", "model")}
        write_json(job.folder / "request.json", settled | here)


def _end_without_a_word(status: JobStatus | None, last_words: str) -> dict[str, Any]:
    if status is None:
        return {"state": "failed", "reason": f"The Hub knows this machine no more, nor any result; {_PAY_AGAIN}"}
    if status.stage == "CANCELED":
        return {"state": "stopped", "reason": f"The rented machine was ended; {_PAY_AGAIN}"}
    says = status.message or last_words or "no reason given"
    return {"state": "failed", "reason": f"The rented machine broke off ({says[:300]}); machine.log has its words."}


def _figures(told: dict[str, Any]) -> dict[str, Any]:
    """Name a machine's figures with their units."""
    gpus = list((told.get("gpus") or {}).values())
    figures = {
        "cpu_percent": told.get("cpu_usage_pct"),
        "memory_gib": _gib(told.get("memory_used_bytes")),
        "gpu_percent": [one.get("utilization") for one in gpus],
        "gpu_memory_gib": [_gib(one.get("memory_used_bytes")) for one in gpus],
    }
    return {name: value for name, value in figures.items() if value not in (None, [])}


def _gib(size_bytes: float | None) -> float | None:
    return None if size_bytes is None else round(size_bytes / 2**30, 2)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
