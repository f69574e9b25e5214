from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.hub import LocalHub
from tests.tiny_models import tiny_gemma, tiny_llama, tiny_lora, tiny_mistral
from trainer.chat_template import render
from trainer.errors import ModelCorrupt, ModelNotFound, ModelRefused
from trainer.model import LoadedModel, adapter_folder, load_base
from trainer.model_spec import ModelSpec

ROOT = Path(__file__).parents[2]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base")


@pytest.fixture
def adapter(tmp_path: Path, base: Path) -> Path:
    return tiny_lora(base, tmp_path / "adapter", seed=1)


def load(spec: str, say: Callable[[str], None] = print, attn_implementation: str | None = None) -> LoadedModel:
    return load_base(ModelSpec.parse(spec), Path("unused"), "cpu", say, attn_implementation)


def change(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


class TestLoadBase:
    @pytest.mark.parametrize("build", [tiny_mistral, tiny_gemma, tiny_llama])
    def test_loads_a_folder_ready_to_answer(self, tmp_path: Path, build: Callable[[Path], Path]) -> None:
        loaded = load(f"path:{build(tmp_path / 'model')}")
        assert (loaded.folder_or_repo, loaded.revision) == (str(tmp_path / "model"), None)
        assert (loaded.model.training, loaded.model.dtype) == (False, torch.float32)
        prompt = torch.tensor([render(loaded.tokenizer, [{"role": "user", "content": "Hi"}]).token_ids])
        answer = loaded.model.generate(prompt, max_new_tokens=5, min_new_tokens=5, do_sample=False)
        assert answer.shape == (1, prompt.shape[1] + 5)

    def test_attention_can_be_chosen(self, base: Path) -> None:
        assert load(f"path:{base}", attn_implementation="eager").model.config._attn_implementation == "eager"

    def test_a_missing_chat_template_is_said(self, base: Path) -> None:
        (base / "chat_template.jinja").unlink()
        said: list[str] = []
        load(f"path:{base}", said.append)
        assert "no chat template" in said[-1]
        said.clear()
        load(f"path:{base}+./an/adapter", said.append)  # which may bring one
        assert "no chat template" not in said[-1]

    @pytest.mark.parametrize("file_name", ["config.json", "tokenizer_config.json"])
    @pytest.mark.parametrize("nested", [False, True])
    def test_foreign_code_is_refused_and_never_runs(self, base: Path, file_name: str, nested: bool) -> None:
        marker = base / "ran"
        (base / "modeling_x.py").write_text(f"import os; os.mkdir({str(marker)!r})\nclass Model: pass\n")
        auto_map = {"AutoConfig": "modeling_x.Model", "AutoModelForCausalLM": "modeling_x.Model"}
        wanted = (
            {"text_config": {"auto_map": auto_map, "trust_remote_code": True}} if nested else {"auto_map": auto_map}
        )
        change(base / file_name, **wanted)
        with pytest.raises(ModelRefused, match="run code of its own"):
            load(f"path:{base}")
        assert not marker.exists()

    def test_pickled_weights_are_refused_and_never_opened(self, base: Path) -> None:
        (base / "model.safetensors").unlink()
        (base / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(base / "ran")))
        with pytest.raises(ModelRefused, match="no safetensors weights"):
            load(f"path:{base}")
        assert not (base / "ran").exists()

    def test_an_unknown_architecture_is_refused(self, base: Path) -> None:
        change(base / "config.json", model_type="lightglue")
        with pytest.raises(ModelRefused, match="'lightglue'"):
            load(f"path:{base}")

    def test_an_adapter_is_not_a_model(self, adapter: Path) -> None:
        with pytest.raises(ModelRefused, match="holds an adapter"):
            load(f"path:{adapter}")

    @pytest.mark.parametrize("folder", ["/nowhere/at/all", "~/nowhere"])
    def test_a_folder_that_is_not_there(self, folder: str) -> None:
        with pytest.raises(ModelNotFound, match=r"config\.json"):
            load(f"path:{folder}")

    def test_missing_weights_are_not_made_up(self, base: Path) -> None:
        weights = load_file(base / "model.safetensors")
        del weights["model.layers.1.mlp.up_proj.weight"]
        save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelCorrupt, match=r"lack model\.layers\.1\.mlp\.up_proj\.weight"):
            load(f"path:{base}")

    @pytest.mark.parametrize("file_name", ["model.safetensors", "tokenizer.json", "config.json"])
    def test_a_truncated_file_is_one_sentence(self, base: Path, file_name: str) -> None:
        content = (base / file_name).read_bytes()
        (base / file_name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ModelCorrupt) as failure:
            load(f"path:{base}")
        assert "\n" not in str(failure.value)


class TestAdapterFolder:
    def test_a_folder_is_checked_and_loads_in_peft(self, base: Path, adapter: Path) -> None:
        from peft import PeftModel

        loaded = load(f"path:{base}")
        prompt = torch.tensor([[5, 6, 7]])
        with torch.inference_mode():
            before = loaded.model(prompt).logits
            after = PeftModel.from_pretrained(loaded.model, adapter_folder(str(adapter), print)).eval()(prompt).logits
        assert (before - after).abs().max() > 0.1

    def test_pickled_weights_are_refused_and_never_opened(self, adapter: Path) -> None:
        (adapter / "adapter_model.safetensors").unlink()
        (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Evil(adapter / "ran")))
        with pytest.raises(ModelRefused, match=r"no adapter_model\.safetensors"):
            adapter_folder(str(adapter), print)
        assert not (adapter / "ran").exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"peft_type": "IA3"}, "peft_type"),
            ({"r": 0}, "r:"),
            ({"target_modules": None}, "target_modules"),
            ({"megatron_config": {"x": 1}, "megatron_core": "antigravity"}, "megatron_config"),
            ({"auto_mapping": {"auto_map": "x.Y"}}, "auto_map"),
        ],
    )
    def test_another_kind_of_adapter_is_refused(self, adapter: Path, changes: dict[str, object], field: str) -> None:
        change(adapter / "adapter_config.json", **changes)
        with pytest.raises(ModelRefused, match=field):
            adapter_folder(str(adapter), print)

    def test_a_folder_without_an_adapter(self, base: Path) -> None:
        with pytest.raises(ModelNotFound, match=r"no adapter_config\.json"):
            adapter_folder(str(base), print)


LOAD = """
import json, sys
from pathlib import Path
from trainer.errors import TrainerError
from trainer.model import adapter_folder, load_base
from trainer.model_spec import ModelSpec

for spec in map(ModelSpec.parse, sys.argv[1:]):
    try:
        loaded = load_base(spec, Path("unused"), "cpu", lambda words: None)
        folder = adapter_folder(spec.adapter, lambda words: None) if spec.adapter else None
        names = sorted(path.name for path in folder.iterdir()) if folder else []
        embedding = loaded.model.get_input_embeddings().weight.sum().item()
        print(json.dumps([loaded.folder_or_repo, loaded.revision, loaded.model.config._name_or_path, embedding, names]))
    except TrainerError as error:
        print(f"{type(error).__name__}: {error}")
"""


class Loaded(NamedTuple):
    """What one process said of each repository that it was asked to load, and what it asked the Hub for."""

    lines: dict[str, str]
    requests: list[str]
    commits: list[str]
    marker: Path


@pytest.fixture(scope="class")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Load from a Hub in one new process: two commits of a model, an adapter, foreign code, and what is refused."""
    folder = tmp_path_factory.mktemp("hub")
    model = tiny_mistral(folder / "model")
    adapter = tiny_lora(model, folder / "adapter", seed=2)
    (adapter / "optimizer.pt").write_bytes(b"pickle")
    with LocalHub() as hub:
        commits = [hub.add("kaist-ai/janus-7b", model), hub.add("kaist-ai/janus-7b", tiny_mistral(model, seed=7))]
        hub.add("me/adapter", adapter)
        hub.add("me/gated", model, is_gated=True)
        marker = folder / "ran"
        (model / "modeling_x.py").write_text(f"import os; os.mkdir({str(marker)!r})\nclass Model: pass\n")
        change(model / "config.json", auto_map={"AutoModelForCausalLM": "modeling_x.Model"})
        hub.add("me/foreign", model)
        pickled = tiny_mistral(folder / "pickled")
        (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
        hub.add("me/pickled", pickled)
        specs = {
            "newest": "hf:kaist-ai/janus-7b+me/adapter",
            "pinned": f"hf:kaist-ai/janus-7b@{commits[0]}",
            **{name: f"hf:me/{name}" for name in ("foreign", "gated", "pickled", "nowhere")},
        }
        run = subprocess.run(
            [sys.executable, "-c", LOAD, *specs.values()],
            cwd=ROOT,
            env=hub.environment(folder / "hf"),
            text=True,
            capture_output=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        return Loaded(dict(zip(specs, run.stdout.splitlines(), strict=True)), list(hub.requests), commits, marker)


class TestFromTheHub:
    def test_janus_7b_and_an_adapter_are_pinned_to_commits(self, loaded: Loaded) -> None:
        newest, pinned = (json.loads(loaded.lines[name]) for name in ("newest", "pinned"))
        assert newest[0] == newest[2] == "kaist-ai/janus-7b"
        assert newest[4] == ["adapter_config.json", "adapter_model.safetensors"]
        assert [pinned[1], newest[1]] == loaded.commits
        assert newest[3] != pinned[3]
        asked_for = {line.split("/")[4] for line in loaded.requests if "/janus-7b/resolve/" in line}
        assert asked_for == set(loaded.commits)  # never a branch, which could move between two files

    def test_foreign_code_is_refused_before_its_weights_are_fetched(self, loaded: Loaded) -> None:
        assert loaded.lines["foreign"].startswith("ModelRefused: hf:me/foreign asks to run code of its own")
        fetched = {line.rpartition("/")[2] for line in loaded.requests if "/me/foreign/resolve/" in line}
        assert "config.json" in fetched
        assert not fetched & {"modeling_x.py", "model.safetensors"}
        assert not loaded.marker.exists()

    def test_what_cannot_be_loaded_is_one_sentence_each(self, loaded: Loaded) -> None:
        assert "There is no model me/nowhere" in loaded.lines["nowhere"]
        assert "me/gated is gated" in loaded.lines["gated"]
        assert "no safetensors weights" in loaded.lines["pickled"]
