"""The front door: what a Hugging Face Space runs, and what `make run` opens."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from janus_space.ui.form import DEFAULT_MODEL
from janus_space.ui.launch import DEFAULT_PORT, Wishes, launch


def main() -> int:
    """Read the arguments and open the page."""
    parser = argparse.ArgumentParser(description="Open Janus Space in the browser.")
    parser.add_argument("--host", help="where to listen; other than this machine itself only with --launch-token")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes any free port (default: %(default)s)")
    parser.add_argument(
        "--home", type=Path, help="folder for models and state (default: $JANUS_HOME or ~/.cache/janus-space)"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="what new pages begin with (default: %(default)s)")
    parser.add_argument(
        "--launch-token", action="store_true", help="print a token at the start; whoever shows it owns this house"
    )
    parser.add_argument(
        "--visitors", action="store_true", help="let people without the token compare, compose and vote, within limits"
    )
    parser.add_argument(
        "--api", action="store_true", help="let visitors call the named endpoints, too; on loopback they always answer"
    )
    parser.add_argument(
        "--mcp", action="store_true", help="offer the named endpoints as tools to MCP clients, at /gradio_api/mcp"
    )
    return launch(Wishes(**vars(parser.parse_args())))


if __name__ == "__main__":
    sys.exit(main())
