"""Libraries that talk to people who train, or to others about them, are asked not to; before they are imported."""

from __future__ import annotations

import logging
import os
import warnings


def quieten() -> None:
    """Leave the log to what concerns the run; no run is reported elsewhere."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # TRL tells of every run unless it is told not to
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # the version is pinned; the warning tells nobody anything
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it misses optional kernels at every start
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
