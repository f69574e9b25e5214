"""What `python -m trainer` is asked by the page: in a process of its own, for the page imports no tensors."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from janus_space.home import Home
from trainer.config import TrainConfig
from trainer.errors import TrainerError

_ROOT = Path(__file__).parents[1]


async def ask_trainer(
    verb: str,
    config: TrainConfig,
    home: Home,
    *arguments: str,
    timeout_seconds: float,
    refusal: type[TrainerError],
) -> list[dict[str, Any]]:
    """Run a verb on a config and return its JSON; a caller that is cancelled ends it with all that it has started.

    Raises:
        TrainerError: a `refusal` with the sentence that the trainer gave, or one that it took too long
    """
    with tempfile.TemporaryDirectory(prefix=f"janus-{verb}-") as scratch:
        asked = Path(scratch) / "config.yaml"
        asked.write_text(config.to_yaml(), "utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "trainer", verb, str(asked), *arguments, "--json"),
            cwd=_ROOT,
            # The driver's tool counts by bus, CUDA by speed unless told otherwise.
            env={**os.environ, "JANUS_HOME": str(home.folder), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that its own children end with it
        )
        try:
            told, said = await asyncio.wait_for(process.communicate(), timeout_seconds)
        except TimeoutError as error:
            raise refusal(f"It took longer than {timeout_seconds / 60:.0f} minutes: try again in a while.") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
    if process.returncode:
        reason = (said.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"])[-1]
        raise refusal(reason.removeprefix("trainer: "))
    found: list[dict[str, Any]] = json.loads(told)
    return found
