"""Many viewers of one page: what it costs them, and what the ones too many are told.

The app runs in a process of its own on one core, over a model that gives 20 tokens a second; the viewers are raw
sockets on the other, since a client library would cost more than what it measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil

from data_gen.chat import Sampling
from janus_space.ui.form import ColumnForm, Form
from tests.perf.load_app import AT_ONCE, PACED, TOKENS_PER_SECOND
from tests.perf.table import Line

ROOT = Path(__file__).parents[2]
VIEWERS, ANSWER_TOKENS, ARRIVING_SECONDS = 200, 200, 2.0
CROWD, CROWD_SECONDS, CROWD_ANSWER_TOKENS = 1000, 10.0, 400
PATIENCE_SECONDS = 120.0
COMPLETED, GENERATING = b'"msg":"process_completed"', b'"msg":"process_generating"'


class Address(NamedTuple):
    """Where the app answers."""

    host: str
    port: int


@dataclass
class Viewing:
    """What one viewer met, in seconds since they asked."""

    status: int = 0
    told: str = ""
    joined: float = 0.0
    updates: list[float] = field(default_factory=list)
    total: float = 0.0
    is_whole: bool = False


async def measure(say: Callable[[str], None]) -> list[Line]:
    """Return the table's lines; takes about a minute and a half."""
    with load_app() as (process, address):
        order = order_of_run(address)
        say(f"load: {VIEWERS} viewers")
        viewed, cpu_seconds, resident_mb = await watched(process, address, order, VIEWERS, ARRIVING_SECONDS)
        say(f"load: {CROWD} arriving in {CROWD_SECONDS:.0f} s")
        crowd_order = order_of_run(address, CROWD_ANSWER_TOKENS)
        crowd, _, _ = await watched(process, address, crowd_order, CROWD, CROWD_SECONDS)
        after, _, _ = await watched(process, address, order_of_run(address, 20), 5, 0.1)
    return [*_viewer_lines(viewed, cpu_seconds, resident_mb), *_crowd_lines(crowd, after)]


def _viewer_lines(viewed: list[Viewing], cpu_seconds: float, resident_mb: float) -> list[Line]:
    ideal = ANSWER_TOKENS / TOKENS_PER_SECOND
    total = percentile([one.total for one in viewed], 95)
    gap = percentile([gap for one in viewed for gap in gaps(one.updates)], 95)
    n_updates = sum(len(one.updates) for one in viewed)
    lost = sum(not one.is_whole for one in viewed)
    return [
        Line(
            f"{VIEWERS} viewers, a column each at {TOKENS_PER_SECOND} tokens/s: total at p95, against the model's own",
            f"{total:.2f} s of {ideal:.0f} s",
            total / ideal,
            at_most=1.15,
        ),
        Line("the same: answers that did not come whole", str(lost), float(lost), at_most=0),
        Line(
            "the same: first words at p95", f"{percentile([one.updates[0] for one in viewed if one.updates], 95):.2f} s"
        ),
        Line("the same: longest wait between updates at p95", f"{gap:.2f} s"),
        Line(
            "the same: CPU an update, and memory",
            f"{1000 * cpu_seconds / max(1, n_updates):.2f} ms × {n_updates:,}, {resident_mb:.0f} MB",
        ),
    ]


def _crowd_lines(crowd: list[Viewing], after: list[Viewing]) -> list[Line]:
    turned_away = [one for one in crowd if one.status == 503]
    lost = sum(one.status not in (200, 503) or (one.status == 200 and not one.is_whole) for one in crowd)
    slowest = max((one.joined for one in turned_away), default=0.0)
    return [
        Line(
            f"{CROWD} arriving in {CROWD_SECONDS:.0f} s: served, and turned away with a sentence",
            f"{sum(one.is_whole for one in crowd)}, {len(turned_away)}",
        ),
        Line("the same: slowest polite answer, against 1 s", f"{slowest:.2f} s", slowest, at_most=1.0),
        Line("the same: hung, cut off or in error", str(lost), float(lost), at_most=0),
        Line(
            "right after it: viewers served of 5",
            str(sum(one.is_whole for one in after)),
            sum(one.is_whole for one in after) / 5,
            at_least=1.0,
        ),
    ]


async def watched(
    process: psutil.Process, address: Address, order: dict[str, Any], n_viewers: int, seconds: float
) -> tuple[list[Viewing], float, float]:
    """Let viewers arrive evenly over some seconds; give what each met, and the app's CPU seconds and memory in MB."""
    before = process.cpu_times()

    async def arrive(number: int) -> Viewing:
        await asyncio.sleep(number * seconds / n_viewers)
        return await view(address, order, f"203.{number // 62_500}.{number // 250 % 250}.{number % 250}")

    viewings = await asyncio.gather(*(arrive(number) for number in range(n_viewers)))
    now = process.cpu_times()
    used = now.user + now.system - before.user - before.system
    return list(viewings), used, process.memory_info().rss / 1e6


async def view(address: Address, order: dict[str, Any], viewer: str) -> Viewing:
    """Ask, and read the stream to its end, as the page does."""
    viewing, start, session = Viewing(), time.monotonic(), f"{viewer}x{time.monotonic_ns()}"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            body = json.dumps(order | {"session_hash": session}).encode()
            reader, writer = await sent(address, "POST", "/gradio_api/queue/join", viewer, body)
            answer = await reader.read()
            writer.close()
            head, _, told = answer.partition(b"\r\n\r\n")
            viewing.joined, viewing.status = time.monotonic() - start, int(head.split(b" ", 2)[1])
            viewing.told = told.decode("utf-8", "replace")
            if viewing.status == 200:
                await _follow(address, session, viewer, viewing, start)
    except (OSError, ValueError, IndexError, TimeoutError) as error:
        viewing.told = repr(error)
    viewing.total = time.monotonic() - start
    return viewing


async def _follow(address: Address, session: str, viewer: str, viewing: Viewing, start: float) -> None:
    reader, writer = await sent(address, "GET", f"/gradio_api/queue/data?session_hash={session}", viewer)
    kept = b""
    while part := await reader.read(65_536):
        # What was cut between two reads is seen whole with the next.
        window = kept + part
        now = time.monotonic() - start
        viewing.updates += [now] * (window.count(GENERATING) - kept.count(GENERATING))
        if COMPLETED in window:
            viewing.is_whole = b'"success":true' in window[window.index(COMPLETED) :] + await _rest(reader)
            break
        kept = window[-len(GENERATING) :]
    writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(5):
            return await reader.readuntil(b"\n\n")
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return b""


async def sent(
    address: Address, method: str, path: str, viewer: str, body: bytes = b""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send one request on a connection of its own, as the proxy of a Space hands on that of a visitor."""
    reader, writer = await asyncio.open_connection(*address, limit=2**22)
    head = f"{method} {path} HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nX-Forwarded-For: {viewer}\r\n"
    head += "Connection: close\r\n"
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    writer.write(f"{head}{length}\r\n".encode() + body)
    await writer.drain()
    return reader, writer


def order_of_run(address: Address, answer_tokens: int = ANSWER_TOKENS) -> dict[str, Any]:
    """Fill in the Compare page, with one column to watch and a second that answers at once."""
    with urllib.request.urlopen(f"http://{address.host}:{address.port}/config", timeout=30) as reply:
        run = next(item for item in json.load(reply)["dependencies"] if item["api_name"] == "run")
    form = Form(
        prompt="Why is the sky blue?",
        axis="models",
        system="Be brief.",
        columns=tuple(ColumnForm(model=model) for model in (PACED, AT_ONCE, AT_ONCE, AT_ONCE)),
        sampling=Sampling(max_new_tokens=answer_tokens),
    )
    asked_by = [None, "", None, False, -1]  # board and visitor are the server's own
    return {"data": [*asked_by, *form.values()], "fn_index": run["id"]}


@contextmanager
def load_app() -> Iterator[tuple[psutil.Process, Address]]:
    """Run the app on the first core and this process on the others."""
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tests.perf.load_app"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        assert url.hostname, "the app did not open"
        assert url.port
        os.sched_setaffinity(process.pid, cores[:1])
        os.sched_setaffinity(0, cores[1:] or cores)
        yield psutil.Process(process.pid), Address(url.hostname, url.port)
    finally:
        os.sched_setaffinity(0, cores)
        process.terminate()
        process.wait(10)


def gaps(moments: list[float]) -> list[float]:
    """Measure the waits between one update and the next."""
    return [later - earlier for earlier, later in pairwise(moments)]


def percentile(values: list[float], percent: int) -> float:
    """Find the value that `percent` of all do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)] if values else 0.0


if __name__ == "__main__":
    for line in asyncio.run(measure(lambda text: print(text, file=sys.stderr))):
        print(" | ".join(line.cells()))
