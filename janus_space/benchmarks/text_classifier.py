"""A text classifier of the Hub or a folder, loaded as safely as models are: safetensors only, no code of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_gen.errors import BadRequest
from trainer import hub_snapshot
from trainer.errors import ModelCorrupt, ModelNotFound
from trainer.foreign_code import refuse_foreign_code

_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]
_TEXTS_AT_ONCE = 32
_MOST_TOKENS = 512


@dataclass(frozen=True)
class TextClassifier:
    """Says how likely a text bears one label."""

    name: str
    label: int
    tokenizer: Any
    model: Any

    def shares(self, texts: Sequence[str]) -> list[float | None]:
        """Return each text's probability of the label."""
        import torch

        found: list[float | None] = []
        several = self.model.config.problem_type == "multi_label_classification" or self.model.config.num_labels == 1
        for first in range(0, len(texts), _TEXTS_AT_ONCE):
            part = list(texts[first : first + _TEXTS_AT_ONCE])
            asked = self.tokenizer(part, padding=True, truncation=True, max_length=_MOST_TOKENS, return_tensors="pt")
            with torch.inference_mode():
                odds = self.model(**asked).logits.double()
            shares = odds.sigmoid() if several else odds.softmax(-1)
            found += shares[:, self.label].tolist()
        return found


def load(spec: str, label: str) -> TextClassifier:
    """Load the classifier that `hf:ORG/NAME[@REVISION]` or `path:FOLDER` names, for its label that is named most so.

    Raises:
        BadRequest: none of its labels is named so
        ModelNotFound, ModelRefused, ModelCorrupt: it is not there, or not of a kind that is opened
    """
    folder, name = _folder(spec)
    refuse_foreign_code(folder, name)
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelCorrupt(f"{name} cannot be loaded as a text classifier from safetensors: {reason}") from error
    labels = {number: str(text) for number, text in model.config.id2label.items()}
    return TextClassifier(name, _label(labels, label, name), tokenizer, model)


def _folder(spec: str) -> tuple[Path, str]:
    kind, _, place = spec.partition(":")
    if kind == "path":
        if not (folder := Path(place).expanduser()).is_dir():
            raise ModelNotFound(f"There is no folder {folder}.")
        return folder, spec
    repository, _, revision = place.partition("@")
    commit = hub_snapshot.resolve_commit(repository, revision or None)
    return hub_snapshot.fetch(repository, commit, _FILES), f"hf:{repository}@{commit}"


def _label(labels: dict[int, str], wanted: str, name: str) -> int:
    """Choose “toxic” before “toxicity” before “severe_toxic”, and never “not toxic” or “non-toxic”."""
    named = {
        number: text.casefold()
        for number, text in labels.items()
        if wanted in text.casefold() and not text.casefold().startswith(("no", "un"))
    }
    if not named:
        raise BadRequest(f"{name} has no label that says “{wanted}”, only {', '.join(labels.values())[:300]}.")
    return min(named, key=lambda number: (named[number].find(wanted), len(named[number])))
