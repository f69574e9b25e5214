"""Open the page: a clean environment, a usable home, a free port, and every launch setting said out loud."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from janus_space import devices
from janus_space.access import is_loopback
from janus_space.door import Door, Space, machine_names
from janus_space.errors import SpaceError
from janus_space.home import Home
from janus_space.hub_votes import HubVotes, open_votes
from janus_space.launch_token import TOKEN_QUESTION, LaunchToken
from janus_space.ui.form import DEFAULT_MODEL
from janus_space.votes import VoteBox
from trainer.errors import TrainerError
from trainer.model_spec import ModelSpec

if TYPE_CHECKING:
    from janus_space.models import Holder

DEFAULT_PORT = 7860
API_VARIABLE, MCP_VARIABLE = "JANUS_API", "JANUS_MCP"
ZERO_GPU_VARIABLE = "SPACES_ZERO_GPU"
QUEUE_SETTINGS: dict[str, Any] = {
    "max_size": 200,
    # "auto" tells every waiting page its place at every step, which is quadratic in the number of pages.
    "status_update_rate": 10,
    "default_concurrency_limit": 8,
    "api_open": False,
}


class CannotOpen(SpaceError):
    """The page cannot be opened as asked."""


@dataclass(frozen=True)
class Wishes:
    """What the owner chose when starting the page."""

    host: str | None = None
    port: int = DEFAULT_PORT
    home: Path | None = None
    model: str = DEFAULT_MODEL
    launch_token: bool = False
    """Make a token, and take whoever shows it for the owner; then another host than loopback may be listened on."""
    visitors: bool = False
    """Let people without the token compare, compose and vote."""
    api: bool = False
    """Let visitors from elsewhere call the named endpoints, too."""
    mcp: bool = False
    """Offer the named endpoints as tools to MCP clients, to whom they answer."""


def launch(wishes: Wishes) -> int:
    """Open the page and keep it open until interrupted; return the exit code, 2 for what the caller can set right."""
    try:
        door = door_of(wishes, os.environ)
        address = wishes.host or ("0.0.0.0" if door.space else "127.0.0.1")
        home = Home.at(wishes.home)
        home.check_writable()
        free = free_port(address, wishes.port)
        base = base_to_warm(wishes.model)
        votes = open_votes(home, os.environ)
    except (SpaceError, TrainerError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # a Space that is put to sleep also ends in good order
    with tempfile.TemporaryDirectory(prefix="janus-space-") as scratch:
        clean_environment(Path(scratch))
        try:
            holder = holder_of(wishes.model, home, os.environ) if base is not None else None
        except TrainerError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        _open(address, free, home, wishes.model, None if holder else base, votes, door, holder)
    return 0


def door_of(wishes: Wishes, environ: Mapping[str, str]) -> Door:
    """Decide who may come in and who owns the house; refuse to listen where nobody could tell.

    Raises:
        CannotOpen: others could reach this port, and there is neither a Space's proxy nor a launch token before it
    """
    space = Space.of(environ)
    if space is not None:
        # A Space is started without arguments; its owner chooses by variables in its settings.
        answers_api = wishes.api or environ.get(API_VARIABLE) == "1"
        return Door(space, answers_api=answers_api, has_tools=wishes.mcp or environ.get(MCP_VARIABLE) == "1")
    host = wishes.host or "127.0.0.1"
    if not wishes.launch_token:
        if wishes.visitors or wishes.api:
            raise CannotOpen(
                "--visitors and --api say what people without the launch token may do: add --launch-token."
            )
        if not is_loopback(host):
            raise CannotOpen(
                f"Janus Space does not listen on {host} without --launch-token: whoever can reach this port could use"
                " this machine. Add it, or leave out --host and come in by ssh -L 7860:127.0.0.1:7860 YOU@THIS-MACHINE."
            )
        return Door(has_tools=wishes.mcp)
    return Door(None, LaunchToken(), wishes.visitors, wishes.api, wishes.mcp, machine_names(host))


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


def holder_of(model: str, home: Home, environ: Mapping[str, str]) -> Holder | None:
    """Load a model into this process where only that can have a GPU: on ZeroGPU.

    Raises:
        TrainerError: it cannot be found or loaded
    """
    if environ.get(ZERO_GPU_VARIABLE, "").lower() not in ("1", "t", "true") or find_spec("spaces") is None:
        return None
    spaces = import_module("spaces")  # before torch, whose idea of a GPU it changes
    from janus_space.engine.zero_gpu import ZeroGpu

    return ZeroGpu(spaces, model, home.models)


def clean_environment(scratch: Path) -> None:
    """Drop every setting that Gradio would take from the environment in silence; call this before it is imported."""
    for name in [name for name in os.environ if name.startswith(("GRADIO_", "FORWARDED_ALLOW_IPS"))]:
        del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(scratch)
    # Gradio would fit a table of all events so far after each one, for a monitoring page that is off.
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(2**31)
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"  # engines get the token by their own environment


def launch_settings(host: str, port: int, home: Path, door: Door) -> dict[str, Any]:
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
        "_frontend": False,  # it would ask itself whether it can be reached, and on a busy machine give up on itself
        "max_threads": 256,
        "max_file_size": "50mb",
        "allowed_paths": [],
        "blocked_paths": [str(home), str(hub_cache), str(Path.home())],
        "strict_cors": True,
        "enable_monitoring": False,
        "run_history": False,
        "mcp_server": False,  # it would take all callers for one; `mcp_tools.py` does not
        "pwa": False,
        "ssr_mode": False,
        "footer_links": ["gradio"],
        "state_session_capacity": 1000,
        "app_kwargs": {
            "middleware": [Middleware(Guard, door=door)],
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
        "theme": theme.theme(),
        "css": "\n".join(file.read_text(encoding="utf-8") for file in theme.CSS_FILES),
        "js": theme.SCRIPT_FILE.read_text(encoding="utf-8"),
        "favicon_path": str(theme.LOGO_FILE),
    }


def _open(
    host: str,
    port: int,
    home: Home,
    model: str,
    base: str | None,
    votes: VoteBox,
    door: Door,
    holder: Holder | None,
) -> None:
    from janus_space.engine.process import EnginePool
    from janus_space.models import Models
    from janus_space.ui.lean import make_lean
    from janus_space.ui.page import build

    engines = EnginePool(home)
    try:
        models = Models(home, engines, hosted=door.has_strangers, offered={model}, holder=holder)
        page = build(models, lambda: devices.machine(engines.pids()), model, votes, door)
        page.queue(**QUEUE_SETTINGS)
        settings = launch_settings(host, port, home.folder, door)
        if door.has_tools:
            from janus_space.ui.mcp_tools import McpTools

            settings["app_kwargs"] |= McpTools(models).app_settings()
        page.launch(**settings)
        make_lean(page)
        shown = f"?{TOKEN_QUESTION}={door.token.told}" if door.token else ""
        sys.stdout.write(f"Janus Space is open at {page.local_url}{shown}\n")
        sys.stdout.flush()
        if base is not None:
            engines.start(base)  # so that the first answer need not wait for it
        page.block_thread()
    finally:
        engines.close()
        if isinstance(votes, HubVotes):
            votes.close()
