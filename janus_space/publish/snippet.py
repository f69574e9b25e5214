"""The code on a model's card, and its trial: what is printed there has run, in a process of its own, before it goes.

The trial differs from the card in two lines, which name folders of this machine instead of names on the Hub.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import NamedTuple

from janus_space.publish.sources import ModelSource

TRIAL_SECONDS = 1800.0
_CARDS = Path(__file__).parent / "cards"
# What a process needs to find Python's libraries, its GPU and the models that are here; no keys, no tokens.
_KEPT = (
    "PATH",
    "LD_LIBRARY_PATH",
    "HOME",
    "HF_HOME",
    "HF_HUB_CACHE",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "LANG",
)
_ANSWERS = """

import json as _json
from pathlib import Path as _Path

_asked = _json.loads(_Path("asked.json").read_text("utf-8"))
_Path("answers.json").write_text(_json.dumps([{function}(*one) for one in _asked]), "utf-8")
"""


class Question(NamedTuple):
    """What the card's code asks."""

    system: str
    prompt: str


class Trial(NamedTuple):
    """How the code went: what it printed and what it answered to further questions, or why it failed."""

    printed: str
    answers: tuple[str, ...]
    error: str | None


class Names(NamedTuple):
    """What the code calls the model and its base: names on the Hub on the card, folders in the trial."""

    model: str
    base: str
    revision: str | None


def snippet(source: ModelSource, is_merged: bool, names: Names, question: Question, separator: str | None) -> str:
    """Write the code. `separator` stands between system message and prompt where a template has no system role."""
    is_reward = source.config.method == "reward"
    is_adapter = source.is_adapter and not is_merged
    kind = "AutoModelForSequenceClassification" if is_reward else "AutoModelForCausalLM"
    heads = ", num_labels=1" if is_reward and is_adapter else ""
    pinned = f', revision="{names.revision}"' if is_adapter and names.revision else ""
    base = f'{kind}.from_pretrained({"BASE" if is_adapter else "MODEL"}{pinned}{heads}, dtype="auto").to(DEVICE)'
    lines = [f"MODEL = {json.dumps(names.model)}", *([f"BASE = {json.dumps(names.base)}"] if is_adapter else [])]
    loading = (
        f"base = {base}\nmodel = PeftModel.from_pretrained(base, MODEL).eval()" if is_adapter else f"model = {base}"
    )
    if is_reward:
        loading += "\nmodel.config.pad_token_id = tokenizer.pad_token_id"
    template = Template((_CARDS / f"snippet_{'reward' if is_reward else 'causal'}.py.txt").read_text("utf-8"))
    text = template.substitute(
        peft_package=" peft" if is_adapter else "",
        imports="from peft import PeftModel" if is_adapter else "",
        names="\n".join(lines),
        loading=loading,
        messages=_messages(separator),
        system=json.dumps(question.system, ensure_ascii=False),
        prompt=json.dumps(question.prompt, ensure_ascii=False),
    )
    return text.replace("import torch\n\nfrom", "import torch\nfrom").strip() + "\n"


def _messages(separator: str | None) -> str:
    if separator is None:
        return '[{"role": "system", "content": system}, {"role": "user", "content": prompt}]'
    return '[{"role": "user", "content": system + ' + json.dumps(separator) + " + prompt}]"


def tried(code: str, questions: Sequence[Question], is_reward: bool, timeout_seconds: float = TRIAL_SECONDS) -> Trial:
    """Run the code as a stranger would, without this project on the path, without the network and without keys."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory(prefix="janus-snippet-") as scratch:
        folder = Path(scratch)
        (folder / "asked.json").write_text(json.dumps([] if is_reward else questions), "utf-8")
        script = folder / "snippet.py"
        script.write_text(code + _ANSWERS.format(function="reward" if is_reward else "answer"), "utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(script)],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Trial("", (), f"it took longer than {timeout_seconds / 60:.0f} minutes")
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return Trial(done.stdout, (), lines[-1][:300])
        return Trial(done.stdout.strip(), tuple(json.loads((folder / "answers.json").read_text("utf-8"))), None)
