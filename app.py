"""The front door: what a Hugging Face Space runs, and what `make run` opens."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from janus_space.ui.form import DEFAULT_MODEL
from janus_space.ui.launch import DEFAULT_PORT, launch


def main() -> int:
    """Read the arguments and open the page."""
    parser = argparse.ArgumentParser(description="Open Janus Space in the browser.")
    parser.add_argument("--host", help="where to listen; only this machine can reach it unless it is a hosted Space")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes any free port (default: %(default)s)")
    parser.add_argument(
        "--home", type=Path, help="folder for models and state (default: $JANUS_HOME or ~/.cache/janus-space)"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="what new pages begin with (default: %(default)s)")
    arguments = parser.parse_args()
    return launch(arguments.host, arguments.port, arguments.home, arguments.model)


if __name__ == "__main__":
    sys.exit(main())
