"""What share of a GPU's arithmetic a run uses, where its peak is known (TRL's table)."""

from __future__ import annotations

from typing import Any

import torch
from trl.trainer.utils import compute_flops_per_token, compute_mfu, get_peak_flops

_ADAPTER_SHARE = 2 / 3  # of the arithmetic: an adapter leaves out the gradients of the weights


def mfu_percent(
    tokens_per_s: float, model_config: Any, mean_tokens: int, device_name: str, devices: int, is_adapter: bool
) -> float | None:
    """Return the model FLOPs utilisation in percent in bfloat16, None where the device is not in the table."""
    peak = get_peak_flops(device_name, "bfloat16")
    if peak is None:
        return None
    flops = compute_flops_per_token(model_config, mean_tokens) * (_ADAPTER_SHARE if is_adapter else 1)
    return round(compute_mfu(int(flops), tokens_per_s, devices, peak), 2)


def gpu_name() -> str | None:
    """Return the name of the GPU in use; None on a CPU."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
