"""Stacked adapters give peft's numbers, and what the stack cannot hold is refused with a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from janus_space.engine.adapters import MAX_STACKED, AdapterBank
from janus_space.engine.attention import NAME, FlatPlan, Segment
from tests.janus_space.engine.conftest import Tiny
from tests.tiny_models import tiny_lora
from trainer.errors import ModelError, ModelRefused

TOKENS = [5, 9, 33, 101, 7, 64]


def _engine_logits(tiny: Tiny, adapters: dict[str, Path], owners: list[str | None], times: int = 1) -> torch.Tensor:
    """Return (rows, tokens, vocabulary): the same tokens once a row, each row with its own adapter."""
    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32, attn_implementation=NAME).eval()
    bank = AdapterBank()
    bank.attach(model)
    for name, folder in adapters.items():
        bank.add(name, folder)
    segments = tuple(Segment(row, 0, len(TOKENS)) for row in range(len(owners)))
    with torch.inference_mode():
        for _ in range(times):
            bank.choose([owner for owner in owners for _ in TOKENS])
            flat = model(
                input_ids=torch.tensor([TOKENS * len(owners)]),
                position_ids=torch.tensor([list(range(len(TOKENS))) * len(owners)]),
                use_cache=False,
                flat_plan=FlatPlan(None, (), segments, torch.device("cpu")),
            ).logits[0]
    return flat.view(len(owners), len(TOKENS), -1)


def _peft_logits(tiny: Tiny, folder: Path | None) -> torch.Tensor:
    from peft import PeftModel

    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32).eval()
    if folder is not None:
        model = PeftModel.from_pretrained(model, folder).eval()
    with torch.inference_mode():
        return model(input_ids=torch.tensor([TOKENS])).logits[0]


def test_every_row_gets_its_own_adapter(tiny: Tiny) -> None:
    owners: list[str | None] = ["a", None, "b", "a"]
    ours = _engine_logits(tiny, tiny.adapters, owners)
    for row, owner in enumerate(owners):
        wanted = _peft_logits(tiny, None if owner is None else tiny.adapters[owner])
        torch.testing.assert_close(ours[row], wanted, atol=1e-4, rtol=1e-3)


def test_few_rows_take_the_fast_path_and_give_the_same(llama: Tiny) -> None:
    many = _engine_logits(llama, llama.adapters, ["a", "b", None])
    few = _engine_logits(llama, llama.adapters, ["b"])
    torch.testing.assert_close(few[0], many[1], atol=1e-5, rtol=1e-4)


def test_more_adapters_than_the_stack_keeps_come_and_go(llama: Tiny, tmp_path: Path) -> None:
    names = [f"adapter-{index}" for index in range(MAX_STACKED + 3)]
    adapters = {name: tiny_lora(llama.folder, tmp_path / name, seed=20 + index) for index, name in enumerate(names)}
    model = AutoModelForCausalLM.from_pretrained(llama.folder, dtype=torch.float32, attn_implementation=NAME).eval()
    bank = AdapterBank()
    bank.attach(model)
    for name, folder in adapters.items():
        bank.add(name, folder)
    for name in [*names, names[0], names[5]]:
        with torch.inference_mode():
            bank.choose([name] * len(TOKENS))
            plan = FlatPlan(None, (), (Segment(0, 0, len(TOKENS)),), torch.device("cpu"))
            ours = model(input_ids=torch.tensor([TOKENS]), use_cache=False, flat_plan=plan).logits[0]
        torch.testing.assert_close(ours, _peft_logits(llama, adapters[name]), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(r=4, lora_alpha=3, use_rslora=True, target_modules="all-linear"),
        LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], alpha_pattern={"v_proj": 32}),
        LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], rank_pattern={"down_proj": 2}),
    ],
    ids=["rank-stabilised", "alpha by layer", "rank by layer"],
)
def test_peft_options_of_plain_lora_are_honoured(llama: Tiny, tmp_path: Path, config: LoraConfig) -> None:
    torch.manual_seed(5)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(llama.folder, dtype=torch.float32), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(tmp_path)
    ours = _engine_logits(llama, {"own": tmp_path}, ["own"])
    torch.testing.assert_close(ours[0], _peft_logits(llama, tmp_path), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"), [({"use_dora": True}, "use_dora"), ({"bias": "all"}, "bias"), ({"peft_type": "IA3"}, "IA3")]
)
def test_more_than_plain_lora_is_refused(llama: Tiny, tmp_path: Path, change: dict[str, object], words: str) -> None:
    folder = shutil.copytree(llama.adapters["a"], tmp_path / "odd")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ModelRefused, match=words):
        AdapterBank().add("odd", folder)


def test_an_adapter_of_another_base_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    wider = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=96, intermediate_size=64, num_hidden_layers=1))
    get_peft_model(wider, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(tmp_path)
    bank = AdapterBank()
    bank.attach(AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32))
    with pytest.raises(ModelError, match="does not fit"):
        bank.add("other", tmp_path)
