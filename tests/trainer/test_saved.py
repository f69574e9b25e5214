"""What is saved is what was trained, in the numbers that were asked for."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.trainer.test_train import config
from trainer.__main__ import run_train


def test_a_halved_adapter_on_a_halved_one_still_says_what_was_trained(
    tiny: dict[str, Path], collection: Path, tmp_path: Path
) -> None:
    options = {"adapter_dtype": "bfloat16", "roundtrip_prompts": 4, "steerability_steps": 0, "learning_rate": 1e-2}
    run_train(config(tiny, collection, **options), tmp_path / "first")
    started = {"model": f"path:{tiny['llama']}+{tmp_path / 'first' / 'adapter'}"}
    run_train(config(tiny, collection, **started, **options), tmp_path / "second")
    for name in ("first", "second"):
        held = load_file(tmp_path / name / "adapter" / "adapter_model.safetensors")
        assert {tensor.dtype for tensor in held.values()} == {torch.bfloat16}
        proof = json.loads((tmp_path / name / "roundtrip.json").read_text())
        assert proof["is_same"]
        assert max(proof["loaded_difference"], proof["merged_difference"]) < 1e-5


def test_a_reward_models_head_stays_exact(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    options = {"method": "reward", "adapter_dtype": "bfloat16"}
    run_train(config(tiny, collection, **options), tmp_path / "job")
    held = load_file(tmp_path / "job" / "adapter" / "adapter_model.safetensors")
    kinds = {name.rsplit(".", 2)[-2]: tensor.dtype for name, tensor in held.items()}
    assert kinds["lora_A"] == kinds["lora_B"] == torch.bfloat16
    assert {kind for name, kind in kinds.items() if not name.startswith("lora_")} == {torch.float32}
