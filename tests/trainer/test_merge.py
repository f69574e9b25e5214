from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from tests.tiny_models import tiny_lora
from tests.trainer.sample_rows import pair_rows
from trainer.__main__ import main
from trainer.adapter import with_adapter
from trainer.config import TrainConfig
from trainer.errors import ModelCorrupt, ModelNotFound, ModelRefused
from trainer.merge import merge, stacked
from trainer.model import load_base
from trainer.model_spec import ModelSpec
from trainer.reward_check import reward_of
from trainer.trainable import load_trainable

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


def reward_adapter(base: Path, folder: Path, **options: object) -> torch.nn.Module:
    """Save an adapter and a score head, all of it random, as a run with method: reward does; return the whole model."""
    asked = {"method": "reward", "model": f"path:{base}", "dataset": "unused", "device": "cpu", **options}
    trainable = load_trainable(TrainConfig.read(asked), folder, lambda words: None)
    model = get_peft_model(trainable.model, trainable.peft_config)
    chance = torch.Generator().manual_seed(5)
    for weights in (weights for weights in model.parameters() if weights.requires_grad):
        weights.data = torch.randn(weights.shape, generator=chance) * 0.2
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize("name", ["mistral", "gemma", "llama"])
def test_a_merged_reward_model_scores_the_same_by_itself(tiny: dict[str, Path], tmp_path: Path, name: str) -> None:
    own = shutil.copytree(tiny[name], tmp_path / "base")
    model = reward_adapter(own, tmp_path / "adapter")
    rows = [([{"role": "user", "content": row["prompt"]}], row["chosen"][1]["content"]) for row in pair_rows()[:12:2]]
    with torch.no_grad():
        expected = [reward_of(model, AutoTokenizer.from_pretrained(own), *row) for row in rows]
    assert main(["merge", f"path:{own}+{tmp_path / 'adapter'}", "--out", str(tmp_path / "merged")]) == 0
    shutil.rmtree(own)
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    with torch.no_grad():
        found = [reward_of(merged, tokenizer, *row) for row in rows]
        texts = ["Why?", "Tell me why the sky is as it is."]
        together = merged(**tokenizer(texts, padding=True, return_tensors="pt")).logits[:, 0]
        alone = [merged(**tokenizer(text, return_tensors="pt")).logits[0, 0] for text in texts]
    assert found == pytest.approx(expected, abs=1e-4)
    assert max(expected) - min(expected) > 0.01
    assert torch.allclose(together, torch.stack(alone), atol=1e-4), "padding is counted"


def test_a_merged_reward_model_is_trained_further_with_its_head_and_answers_nothing(
    tiny: dict[str, Path], tmp_path: Path
) -> None:
    model = reward_adapter(tiny["llama"], tmp_path / "adapter")
    out = merge(f"path:{tiny['llama']}+{tmp_path / 'adapter'}", tmp_path / "merged", tmp_path, lambda words: None)
    with pytest.raises(ModelRefused, match="is a reward model, which scores answers and writes none"):
        load_base(ModelSpec("path", str(out)), tmp_path, "cpu", lambda words: None)
    for tuning in ("lora", "qlora", "full"):
        asked = {"method": "reward", "model": f"path:{out}", "dataset": "unused", "device": "cpu", "tuning": tuning}
        again = load_trainable(TrainConfig.read(asked), tmp_path, lambda words: None).model
        head = model.get_base_model().score.modules_to_save["default"]
        assert torch.equal(again.score.weight.float(), head.weight), tuning


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def of_noise(file: Path) -> None:
    file.write_bytes(b"not weights")


@pytest.mark.parametrize("damage", [cut_short, of_noise])
def test_a_damaged_adapter_is_named_in_one_sentence(
    tiny: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    adapter = tiny_lora(tiny["mistral"], tmp_path / "adapter", seed=3)
    damage(adapter / "adapter_model.safetensors")
    with pytest.raises(ModelCorrupt, match=r"adapter_model\.safetensors is damaged \(.+\): fetch it again"):
        merge(f"path:{tiny['mistral']}+{adapter}", tmp_path / "merged", tmp_path, lambda words: None)
    assert main(["merge", f"path:{tiny['mistral']}+{adapter}", "--out", str(tmp_path / "merged")]) == 2
    assert "is damaged" in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("options", "layers"),
    [({"target_modules": "all-linear"}, 1), ({"target_modules": ["q_proj"], "layers_to_transform": [1]}, 0)],
)
def test_an_adapter_of_another_model_is_refused(
    tiny: dict[str, Path], tmp_path: Path, options: dict[str, object], layers: int
) -> None:
    """Tensors of another shape, and tensors that are not there."""
    adapter = lora(tiny, tmp_path / "adapter", 1, r=4, **options)
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    name = next(name for name in tensors if "lora_A" in name)
    changed = {name: tensors[name][:, :8].contiguous()} if layers else {}
    save_file({**{one: tensor for one, tensor in tensors.items() if one != name}, **changed}, file)
    with pytest.raises(ModelRefused, match="does not fit this model: put its own base in front of it"):
        with_adapter(base(tiny), adapter)
