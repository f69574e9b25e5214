"""Run one engine: `python -m janus_space.engine`, started by janus_space/engine/process.py and by nobody else.

The first line of standard input is the start order as JSON {base, device, token, models_dir, threads}; standard output
carries one JSON line an event {event: loading|ready|failed, text|port}. When standard input closes, the parent is gone,
however it died, and so is the engine.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn

from trainer.errors import TrainerError


def main() -> int:
    """Load the model, then serve until the parent dies."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _say("Starting the engine")
    try:
        asyncio.run(_serve(order))
    except TrainerError as error:
        _tell({"event": "failed", "text": str(error)})
        return 1
    except Exception as error:
        _tell({"event": "failed", "text": f"The engine could not start ({type(error).__name__}: {error})."})
        raise
    return 0


async def _serve(order: dict[str, Any]) -> None:
    # Imported late: torch and transformers take seconds, and the parent should hear something before.
    from janus_space.engine.loader import load
    from janus_space.engine.server import Server

    loaded, loop = load(order["base"], Path(order["models_dir"]), order["device"], order["threads"], _say)
    app = Server(order["base"], loaded, loop, order["token"]).app()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)  # before the port is told: a connection that comes at once waits instead of being refused
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    _tell({"event": "ready", "port": listening.getsockname()[1]})
    await uvicorn.Server(config).serve(sockets=[listening])


def _say(text: str) -> None:
    _tell({"event": "loading", "text": text})


def _tell(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    # Raw reads: a blocking buffered read would hold a lock that interpreter shutdown wants.
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
