"""The Jobs of the tests' own Hub: what huggingface_hub asks for is answered, and a rented machine is a real process.

    with rented_machines(tmp_path) as (hub, machines):
        subprocess.run([...], env=hub.environment(tmp_path, TOKEN))

The process gets an empty folder, the environment and the secrets that were asked for, and nothing of this project: what
it runs must have been sent to it. `uv run --with …` in front of `python` is left out, for its libraries are here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.hub import TOKEN, LocalHub

HARDWARE = [
    ("cpu-basic", "2 vCPU", "16 GB", None, 0.000167),
    ("l4x1", "8 vCPU", "30 GB", ("L4", "1", "24 GB"), 0.8 / 60),
    ("l40sx4", "48 vCPU", "382 GB", ("L40S", "4", "192 GB"), 8.3 / 60),
]


@dataclass
class Machine:
    """One rented machine."""

    id: str
    spec: dict[str, Any]
    process: subprocess.Popen[str]
    lines: list[dict[str, str]] = field(default_factory=list)
    stage: str = "RUNNING"
    message: str | None = None

    @property
    def is_over(self) -> bool:
        return self.stage != "RUNNING"

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append({"timestamp": _now(), "data": line.rstrip("\n")})
        code = self.process.wait()
        if self.stage == "RUNNING":
            self.message = f"Job failed with exit code: {code}." if code else None
            self.stage = "ERROR" if code else "COMPLETED"

    def end(self, stage: str, message: str | None) -> None:
        if self.stage == "RUNNING":
            self.stage, self.message = stage, message
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class RentedMachines:
    """The machines. `refusals` are statuses that the next wishes for one meet; `silences`, those of looks at one."""

    def __init__(self, scratch: Path) -> None:
        self.machines: dict[str, Machine] = {}
        self.refusals: list[int] = []
        self.silences: list[int] = []
        self._scratch = scratch

    def routes(self) -> list[Route]:
        one = "/api/jobs/{owner}/{id}"
        return [
            Route("/api/jobs/hardware", self._hardware),
            Route("/api/jobs/{owner}", self._start, methods=["POST"]),
            Route("/api/jobs/{owner}", self._list),
            Route(one, self._inspect),
            Route(f"{one}/logs", self._logs),
            Route(f"{one}/metrics", self._metrics),
            Route(f"{one}/cancel", self._cancel, methods=["POST"]),
        ]

    def end_all(self) -> None:
        for machine in self.machines.values():
            machine.end("CANCELED", None)
            machine.process.wait(10)

    async def _hardware(self, _: Request) -> Response:
        return JSONResponse([_offer(*one) for one in HARDWARE])

    async def _start(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": "Invalid username or password."}, 401)
        if self.refusals:
            return JSONResponse({"error": "Not this time."}, self.refusals.pop(0))
        spec = await request.json()
        machine = Machine(f"machine{len(self.machines) + 1}", spec, self._process(spec))
        self.machines[machine.id] = machine
        threading.Thread(target=machine.read, daemon=True).start()
        over = threading.Timer(spec["timeoutSeconds"], machine.end, ["ERROR", "Job timed out."])
        over.daemon = True
        over.start()
        return JSONResponse(_told(machine))

    def _process(self, spec: dict[str, Any]) -> subprocess.Popen[str]:
        disk = self._scratch / "disk"  # by the same name on every machine, and empty on each
        shutil.rmtree(disk, ignore_errors=True)
        disk.mkdir(parents=True)
        command = spec["command"]
        kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
        own = {"HOME": str(disk), "TMPDIR": str(disk), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        return subprocess.Popen(
            [sys.executable, *command[command.index("python") + 1 :]],
            cwd=disk,
            env=kept | own | spec["environment"] | spec.get("secrets", {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    async def _list(self, request: Request) -> Response:
        wanted = dict(one.split("=", 1) for one in request.query_params.getlist("label"))
        found = [one for one in self.machines.values() if wanted.items() <= one.spec.get("labels", {}).items()]
        return JSONResponse([_told(one) for one in found])

    async def _inspect(self, request: Request) -> Response:
        if self.silences:
            return JSONResponse({"error": "Try again later."}, self.silences.pop(0))
        return JSONResponse(_told(self._of(request)))

    async def _cancel(self, request: Request) -> Response:
        self._of(request).end("CANCELED", None)
        return JSONResponse({})

    async def _logs(self, request: Request) -> Response:
        return StreamingResponse(self._lines(self._of(request)), media_type="text/event-stream")

    async def _lines(self, machine: Machine) -> AsyncIterator[str]:
        yield _event({"timestamp": _now(), "data": "===== Job started at now ====="})
        sent = 0
        while True:
            is_last_look = machine.is_over
            for line in machine.lines[sent:]:
                sent += 1
                yield _event(line)
            if is_last_look:
                return
            await asyncio.sleep(0.05)

    async def _metrics(self, request: Request) -> Response:
        if self._of(request).is_over:
            return Response(status_code=406)
        gpu = {"utilization": 93, "memory_used_bytes": 2**33, "memory_total_bytes": 2**34}
        told = {"cpu_usage_pct": 41, "memory_used_bytes": 2**31, "memory_total_bytes": 2**34, "gpus": {"a": gpu}}
        return Response(_event(told), media_type="text/event-stream")

    def _of(self, request: Request) -> Machine:
        return self.machines[request.path_params["id"]]


@contextmanager
def rented_machines(scratch: Path) -> Iterator[tuple[LocalHub, RentedMachines]]:
    """Serve a Hub that rents out machines, on loopback."""
    machines = RentedMachines(scratch / "rented")
    with LocalHub(machines.routes()) as hub:
        try:
            yield hub, machines
        finally:
            machines.end_all()


def _offer(name: str, cpu: str, ram: str, gpu: tuple[str, str, str] | None, usd_a_minute: float) -> dict[str, Any]:
    accelerator = None
    if gpu is not None:
        model, quantity, vram = gpu
        accelerator = {"type": "gpu", "model": model, "quantity": quantity, "vram": vram, "manufacturer": "Nvidia"}
    price = {"unitCostMicroUSD": round(usd_a_minute * 1e6), "unitCostUSD": usd_a_minute, "unitLabel": "minute"}
    return {"name": name, "prettyName": name, "cpu": cpu, "ram": ram, "accelerator": accelerator, **price}


def _told(machine: Machine) -> dict[str, Any]:
    spec = {name: machine.spec.get(name) for name in ("dockerImage", "command", "environment", "flavor", "labels")}
    owner = {"id": "1", "name": "tester", "type": "user"}
    return {
        "id": machine.id,
        "createdAt": _now(),
        **spec,
        "status": {"stage": machine.stage, "message": machine.message},
        "owner": owner,
    }


def _event(told: dict[str, Any]) -> str:
    return f"data: {json.dumps(told)}\n\n"


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
