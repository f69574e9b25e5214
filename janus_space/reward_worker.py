"""`python -m janus_space.reward_worker SOURCE`: rates answers by a reward model, a JSON line each.

The source is the folder of a run, or `hf:ORG/NAME[@REVISION]`: a sequence classifier with one score.

A line in is {messages, answers}; a line out is {rewards} or {error}, the first one {ready}. It ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from janus_space.home import Home
from janus_space.job import read_json
from trainer.config import TrainConfig
from trainer.errors import ModelRefused, TrainerError
from trainer.model_spec import ModelSpec
from trainer.quiet import quieten


def main(argv: list[str]) -> int:
    """Load the model, then rate until nobody asks any more."""
    # What a library prints must not come between the lines.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(**told: Any) -> None:
        out.write(json.dumps(told) + "\n")
        out.flush()

    quieten()
    try:
        model, tokenizer = _from_the_hub(argv[0]) if argv[0].startswith("hf:") else _from_a_run(Path(argv[0]))
    except TrainerError as error:
        tell(error=str(error))
        return 1
    tell(ready=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            tell(rewards=_rewards(model, tokenizer, asked["messages"], asked["answers"]))
        except TrainerError as error:
            tell(error=str(error))
    return 0


def _from_the_hub(spec: str) -> tuple[Any, Any]:
    import torch

    from trainer.model import load_base

    device = "cuda" if torch.cuda.is_available() else "cpu"
    loaded = load_base(ModelSpec.parse(spec), Home.at(None).models, device, lambda words: None, may_score=True)
    if getattr(loaded.model.config, "num_labels", 0) != 1 or not hasattr(loaded.model, "score"):
        raise ModelRefused(f"{spec} is no reward model: it has no head that gives one score.")
    if not loaded.tokenizer.chat_template:
        raise ModelRefused(f"{spec} has no chat template, so what it rates cannot be written as it was trained.")
    return loaded.model, loaded.tokenizer


def _from_a_run(run: Path) -> tuple[Any, Any]:
    """Load what a run has saved, where it was trained if that is still there."""
    import torch
    from peft import PeftModel
    from transformers import AutoTokenizer

    from trainer.trainable import base_for

    config = TrainConfig(**(read_json(run / "request.json") or {}))
    on_gpu = str(config.device).startswith("cuda") and torch.cuda.is_available()
    config = config.model_copy(update={"device": "cuda" if on_gpu else "cpu"})
    is_full = config.tuning == "full"
    result = run / ("model" if is_full else "adapter")
    model = base_for(config, Home.at(None).models, lambda words: None, result if is_full else None)
    if not is_full:
        model = PeftModel.from_pretrained(model, result).eval()
    return model.to(config.device), AutoTokenizer.from_pretrained(result, local_files_only=True)


def _rewards(model: Any, tokenizer: Any, messages: list[dict[str, str]], answers: list[str]) -> list[float]:
    from trainer.reward_check import reward_of
    from trainer.scoring import evaluating

    with evaluating(model):
        return [reward_of(model, tokenizer, messages, answer) for answer in answers]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
