"""What a model folder may not ask for: code of its own, or code fetched from elsewhere.

The configuration is read here, before any library sees it: libraries have been talked into trusting it by nested keys
(CVE-2026-5241 and others), and an attention kernel whose name holds a slash is fetched from the Hub and run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.errors import ModelCorrupt, ModelRefused

CONFIG_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "adapter_config.json",
)
MAX_CONFIG_BYTES = 8 * 1024 * 1024

_CODE_KEYS = {"auto_map", "trust_remote_code"}


def refuse_foreign_code(folder: Path, name: str) -> None:
    """Raise `ModelRefused` when a configuration in the folder would run code that is not transformers' own."""
    for file in (folder / config for config in CONFIG_FILES):
        for key, value in _pairs(read_config(file)) if file.is_file() else ():
            if key in _CODE_KEYS:
                raise ModelRefused(
                    f"{name} asks to run code of its own ({key!r} in {file.name}), which is never done here:"
                    " choose a model that transformers knows by itself."
                )
            if key.endswith("_implementation") and isinstance(value, str) and "/" in value:
                raise ModelRefused(
                    f"{name} asks to run a kernel from elsewhere ({key!r} in {file.name}), which is never done here:"
                    " choose another model."
                )


def read_config(file: Path) -> dict[str, Any]:
    """Read one JSON object, of a size that a configuration has."""
    if file.stat().st_size > MAX_CONFIG_BYTES:
        raise ModelRefused(f"{file} has more than {MAX_CONFIG_BYTES // 1024**2} MB, which no configuration needs.")
    try:
        config = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelCorrupt(f"{file} is not valid JSON ({error}): fetch it again.") from error
    if not isinstance(config, dict):
        raise ModelCorrupt(f"{file} does not hold a JSON object: fetch it again.")
    return config


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Walk through every key at every depth."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from node.items()
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
