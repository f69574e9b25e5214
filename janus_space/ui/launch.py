"""Open the page: a clean environment, a usable home, a free port, and every launch setting said out loud."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from janus_space import devices
from janus_space.access import is_loopback
from janus_space.errors import SpaceError
from janus_space.home import Home
from janus_space.hub_votes import HubVotes, open_votes
from janus_space.ui.form import DEFAULT_MODEL
from janus_space.votes import VoteBox
from trainer.errors import TrainerError
from trainer.model_spec import ModelSpec

DEFAULT_PORT = 7860
QUEUE_SETTINGS: dict[str, Any] = {
    "max_size": 200,
    # "auto" tells every waiting page its place at every step, which is quadratic in the number of pages.
    "status_update_rate": 10,
    "default_concurrency_limit": 8,
    "api_open": False,
}


class CannotOpen(SpaceError):
    """The page cannot be opened as asked."""


def launch(host: str | None, port: int, home_folder: Path | None, model: str = DEFAULT_MODEL) -> int:
    """Open the page and keep it open until interrupted; return the exit code, 2 for what the caller can set right."""
    space_id = os.environ.get("SPACE_ID")
    try:
        address = checked_host(host, space_id)
        home = Home.at(home_folder)
        home.check_writable()
        free = free_port(address, port)
        base = base_to_warm(model)
        votes = open_votes(home, os.environ)
    except (SpaceError, TrainerError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # a Space that is put to sleep also ends in good order
    with tempfile.TemporaryDirectory(prefix="janus-space-") as scratch:
        clean_environment(Path(scratch))
        _open(address, free, home, model, base, votes, is_hosted=bool(space_id))
    return 0


def checked_host(host: str | None, space_id: str | None) -> str:
    """Choose where to listen: all interfaces on a hosted Space, whose proxy is in front; loopback anywhere else."""
    if space_id:
        return host or "0.0.0.0"
    if host is None or is_loopback(host):
        return host or "127.0.0.1"
    raise CannotOpen(
        f"Janus Space does not listen on {host}: whoever can reach this port could use this machine. Leave out --host, "
        "and from another computer come in by ssh -L 7860:127.0.0.1:7860 YOU@THIS-MACHINE."
    )


def free_port(host: str, port: int) -> int:
    """Make sure that nobody listens on the port; 0 means any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers bind: a port that a closed connection still lingers on is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CannotOpen(
                f"Port {port} on {host} cannot be used ({getattr(error, 'strerror', None) or error}): "
                "close what uses it, or choose another with --port (0 takes any free one)."
            ) from error
        return int(probe.getsockname()[1])


def base_to_warm(model: str) -> str | None:
    """Name the base whose engine is started with the page; models without an engine have none."""
    return None if model.partition(":")[0] in ("echo", "openai") else ModelSpec.parse(model).base


def clean_environment(scratch: Path) -> None:
    """Drop every setting that Gradio would take from the environment in silence; call this before it is imported."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(scratch)
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"  # engines get the token by their own environment


def launch_settings(
    host: str, port: int, home: Path, space_host: str | None, *, takes_files: bool = False
) -> dict[str, Any]:
    """Say every setting that matters for safety, also where today's default would do."""
    from starlette.middleware import Middleware

    from janus_space.ui import theme
    from janus_space.ui.guard import Guard

    hub_cache = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    return {
        "server_name": host,
        "server_port": port,
        "share": False,
        "show_error": False,
        "quiet": True,
        "prevent_thread_lock": True,
        "max_threads": 256,
        "max_file_size": "50mb",
        "allowed_paths": [],
        "blocked_paths": [str(home), str(hub_cache), str(Path.home())],
        "strict_cors": True,
        "enable_monitoring": False,
        "run_history": False,
        "mcp_server": False,
        "pwa": False,
        "ssr_mode": False,
        "footer_links": ["gradio"],
        "state_session_capacity": 1000,
        "app_kwargs": {
            "middleware": [Middleware(Guard, space_host=space_host, takes_files=takes_files)],
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
        "theme": theme.theme(),
        "css": "\n".join(file.read_text(encoding="utf-8") for file in theme.CSS_FILES),
        "js": theme.SCRIPT_FILE.read_text(encoding="utf-8"),
        "favicon_path": str(theme.LOGO_FILE),
    }


def _open(host: str, port: int, home: Home, model: str, base: str | None, votes: VoteBox, *, is_hosted: bool) -> None:
    from janus_space.engine.process import EnginePool
    from janus_space.models import Models
    from janus_space.ui.page import build

    engines = EnginePool(home)
    try:
        models = Models(home, engines, hosted=is_hosted)
        page = build(models, lambda: devices.machine(engines.pids()), model, votes)
        page.queue(**QUEUE_SETTINGS)
        page.launch(**launch_settings(host, port, home.folder, os.environ.get("SPACE_HOST"), takes_files=not is_hosted))
        sys.stdout.write(f"Janus Space is open at {page.local_url}\n")
        sys.stdout.flush()
        if base is not None:
            engines.start(base)  # so that the first answer need not wait for it
        page.block_thread()
    finally:
        engines.close()
        if isinstance(votes, HubVotes):
            votes.close()
