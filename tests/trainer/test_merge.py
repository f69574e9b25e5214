from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from tests.tiny_models import tiny_lora
from trainer.errors import ModelNotFound, ModelRefused
from trainer.merge import merge, stacked

IDS = torch.tensor([[5, 6, 7, 8, 9]])


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits


def base(tiny: dict[str, Path]) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(tiny["mistral"], dtype=torch.float32)


def lora(tiny: dict[str, Path], folder: Path, seed: int, **options: object) -> Path:
    """Save an adapter of which both matrices are random, over the layers that are asked for."""
    config = LoraConfig(task_type="CAUSAL_LM", **options)
    model = get_peft_model(base(tiny), config)
    chance = torch.Generator().manual_seed(seed)
    for name, weights in model.named_parameters():
        if "lora_" in name:
            weights.data = torch.randn(weights.shape, generator=chance) * 0.2
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "second_options",
    [
        {"r": 8, "lora_alpha": 4, "target_modules": "all-linear"},
        {"r": 2, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj"]},
        {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"], "use_rslora": True},
    ],
)
def test_two_adapters_on_each_other_are_one_adapter(
    tiny: dict[str, Path], tmp_path: Path, second_options: dict[str, object]
) -> None:
    first = lora(tiny, tmp_path / "first", 1, r=4, lora_alpha=16, target_modules=["q_proj", "k_proj"])
    second = lora(tiny, tmp_path / "second", 2, **second_options)
    merged = PeftModel.from_pretrained(base(tiny), first).merge_and_unload()
    expected = logits(PeftModel.from_pretrained(merged, second))
    stacked(first, second)
    found = logits(PeftModel.from_pretrained(base(tiny), second))
    assert torch.allclose(found, expected, atol=1e-4)
    assert not torch.allclose(found, logits(base(tiny)), atol=1e-2)


def test_what_is_no_plain_lora_is_refused(tiny: dict[str, Path], tmp_path: Path) -> None:
    first = lora(tiny, tmp_path / "first", 1, r=4, use_dora=True, target_modules=["q_proj"])
    second = lora(tiny, tmp_path / "second", 2, r=4, target_modules=["q_proj"])
    with pytest.raises(ModelRefused, match="not a plain LoRA"):
        stacked(first, second)


def test_a_merged_model_stands_alone(tiny: dict[str, Path], tmp_path: Path) -> None:
    own = shutil.copytree(tiny["mistral"], tmp_path / "base")
    adapter = tiny_lora(own, tmp_path / "adapter", seed=3)
    expected = logits(PeftModel.from_pretrained(base(tiny), adapter))
    merge(f"path:{own}+{adapter}", tmp_path / "merged", tmp_path, lambda words: None)
    shutil.rmtree(own)
    assert torch.allclose(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged")), expected, atol=1e-4)
    with pytest.raises(ModelNotFound, match="no adapter to merge"):
        merge(f"path:{tiny['mistral']}", tmp_path / "again", tmp_path, lambda words: None)
