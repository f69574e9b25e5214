"""The first rows of a dataset as the model would read them: asked of a process of its own, for it needs a tokenizer."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from janus_space.home import Home
from trainer.config import TrainConfig
from trainer.errors import BadDataset
from trainer.xray import Xray, XrayText, XrayToken

_TIMEOUT_SECONDS = 240.0  # a model's files may have to be converted first
_ROOT = Path(__file__).parents[1]


async def xray(config: TrainConfig, home: Home, rows: int = 2) -> list[Xray]:
    """Show the first rows token by token, by the function that training uses.

    Raises:
        BadDataset: they cannot be shown; the sentence says why
    """
    with tempfile.TemporaryDirectory(prefix="janus-xray-") as scratch:
        asked = Path(scratch) / "config.yaml"
        asked.write_text(config.to_yaml(), "utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "trainer", "xray", str(asked), "--rows", str(rows), "--json"),
            cwd=_ROOT,
            env={**os.environ, "JANUS_HOME": str(home.folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            told, said = await asyncio.wait_for(process.communicate(), _TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise BadDataset("The rows could not be shown in time: try again in a while.") from error
        finally:
            if process.returncode is None:
                process.kill()
    if process.returncode:
        reason = (said.decode("utf-8", "replace").strip().splitlines() or ["it gave no reason"])[-1]
        raise BadDataset(reason.removeprefix("trainer: "))
    return [_read(one) for one in json.loads(told)]


def _read(told: dict[str, object]) -> Xray:
    one = Xray(**told)  # type: ignore[arg-type]
    texts = [XrayText(label, [XrayToken(*token) for token in tokens]) for label, tokens in one.texts]
    return one._replace(texts=texts)
