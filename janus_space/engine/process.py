"""Engine processes as the app sees them: started on demand, found again, ended with the app."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from janus_space.devices import gpus
from janus_space.errors import SpaceError
from janus_space.home import Home

_PASSED_ON = (
    *("PATH", "HOME", "LANG", "TMPDIR", "JANUS_HOME", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "LD_LIBRARY_PATH"),
    *(
        "HF_HOME",
        "HF_ENDPOINT",
        "HF_TOKEN",
        "HF_HUB_OFFLINE",
        "HF_HUB_DISABLE_XET",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
    ),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "CUDA_VISIBLE_DEVICES"),
)
_POLL_SECONDS = 0.05


class EngineFailed(SpaceError):
    """A local model could not be started, or its process ended."""


@dataclass(frozen=True)
class Endpoint:
    """Where an engine answers; the token is as secret as a password."""

    url: str
    token: str = field(repr=False)


class EngineProcess:
    """One engine: one base model on one device. `text` says in words what it is doing until it is ready."""

    def __init__(self, base: str, device: str, models_dir: Path, threads: int | None = None) -> None:
        self.base, self.device = base, device
        self.text = "Starting the engine"
        self.leases = 0
        self.used_at = time.monotonic()
        self._token = secrets.token_urlsafe(32)
        self._port: int | None = None
        self._failure: str | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "janus_space.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(device),
            text=True,
            start_new_session=True,
        )
        order = {
            "base": base,
            "device": "cpu" if device == "cpu" else "cuda",
            "token": self._token,
            "models_dir": str(models_dir),
            "threads": threads,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._failure is None and self._process.poll() is None

    def endpoint(self) -> Endpoint | None:
        """Return where it answers, None while it is starting.

        Raises:
            EngineFailed: it could not start, or it has ended.
        """
        if self._failure is not None:
            raise EngineFailed(self._failure)
        return None if self._port is None else Endpoint(f"http://127.0.0.1:{self._port}/v1", self._token)

    def close(self) -> None:
        """End the engine; it obeys when its standard input closes, and is killed if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        failure = None
        for line in self._process.stdout:
            event = _event(line)
            if event.get("event") == "ready":
                self._port = int(event["port"])
            elif event.get("event") == "failed":
                failure = event["text"]
            elif event.get("event") == "loading":
                self.text = event["text"]
        code = self._process.wait()
        hint = " It probably ran out of memory: use a smaller model, or free some." if code == -9 else ""
        self._failure = (
            failure or f"The engine of {self.base} has ended (exit code {code}).{hint} Ask again to restart it."
        )


class EnginePool:
    """The engines of one app, at most `limit` at a time; an idle one makes room for a new one."""

    def __init__(self, home: Home, *, limit: int = 3, threads: int | None = None) -> None:
        self._home, self._limit, self._threads = home, limit, threads
        self._engines: dict[tuple[str, str], EngineProcess] = {}
        self._lock = threading.Lock()

    def start(self, base: str, device: str = "auto") -> None:
        """Start an engine in the background if it is not there yet and there is room."""
        self._find_or_start(base, _placed(device))

    def pids(self) -> dict[int, str]:
        """Return which process runs which base, for the strip of devices."""
        return {engine.pid: engine.base for engine in self._engines.values() if engine.is_alive}

    @asynccontextmanager
    async def lease(self, base: str, device: str, on_wait: Callable[[str], None]) -> AsyncIterator[Endpoint]:
        """Hold an engine of that base for one answer, started if need be; `on_wait` hears why it takes time.

        Raises:
            EngineFailed: the model cannot be loaded; the message says why and what to do.
        """
        place, told = _placed(device), ""
        while (engine := self._find_or_start(base, place, lease=True)) is None:
            on_wait("Waiting until another model has finished answering")
            await asyncio.sleep(0.5)
        try:
            while (endpoint := engine.endpoint()) is None:
                if engine.text != told:
                    told = engine.text
                    on_wait(told)
                await asyncio.sleep(_POLL_SECONDS)
            yield endpoint
        finally:
            engine.leases -= 1
            engine.used_at = time.monotonic()

    def close(self) -> None:
        """End every engine."""
        with self._lock:
            for engine in self._engines.values():
                engine.close()
            self._engines.clear()

    def _find_or_start(self, base: str, device: str, *, lease: bool = False) -> EngineProcess | None:
        with self._lock:
            engine = self._engines.get((base, device))
            if engine is None or not engine.is_alive:
                self._engines.pop((base, device), None)
                if not self._make_room():
                    return None
                self._home.check_writable()
                engine = EngineProcess(base, device, self._home.models, self._threads)
                self._engines[base, device] = engine
            engine.leases += lease
            return engine

    def _make_room(self) -> bool:
        for name in [name for name, engine in self._engines.items() if not engine.is_alive]:
            del self._engines[name]
        if len(self._engines) < self._limit:
            return True
        idle = [(engine.used_at, name) for name, engine in self._engines.items() if not engine.leases]
        if not idle:
            return False
        self._engines.pop(min(idle)[1]).close()
        return True


def _placed(device: str) -> str:
    """Turn `auto` into the GPU with most free memory, or the CPU."""
    if device != "auto":
        return device
    attached = gpus({})
    return f"cuda:{max(attached, key=lambda gpu: gpu.memory_free_gib).index}" if attached else "cpu"


def _environment(device: str) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if device != "cpu":
        # The driver's tool counts by bus, CUDA by speed unless told otherwise.
        environment |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": device.removeprefix("cuda:")}
    root = str(Path(__file__).parents[2])
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**environment, **quiet, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}


def _event(line: str) -> dict[str, str]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}  # a library printed something
    return event if isinstance(event, dict) else {}
