from __future__ import annotations

import pytest
from transformers import MistralConfig

from trainer.mfu import mfu_percent

SEVEN_B = MistralConfig(vocab_size=32000, sliding_window=None)


def test_a_7b_at_its_known_arithmetic() -> None:
    """About 6 × 7.2 billion FLOPs a token, and attention: 10,300 tokens/s is about half of an H100 in bf16."""
    full = mfu_percent(10_300, SEVEN_B, 1024, "NVIDIA H100 80GB HBM3", 1, is_adapter=False)
    assert full == pytest.approx(47, abs=3)
    assert mfu_percent(10_300, SEVEN_B, 1024, "NVIDIA H100 80GB HBM3", 2, False) == pytest.approx(full / 2, abs=0.01)
    adapter = mfu_percent(10_300, SEVEN_B, 1024, "NVIDIA H100 80GB HBM3", 1, is_adapter=True)
    assert adapter == pytest.approx(full * 2 / 3, abs=0.01)


def test_an_unknown_device_gives_no_figure() -> None:
    assert mfu_percent(10_300, SEVEN_B, 1024, "Some Accelerator", 1, is_adapter=False) is None
