from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_gen.errors import BadRequest
from janus_space.benchmarks import text_classifier
from tests.tiny_models import SENTENCES
from trainer.errors import ModelCorrupt, ModelNotFound, ModelRefused


def classifier(folder: Path, labels: list[str], problem: str = "single_label_classification") -> Path:
    """Save a tiny BERT with random weights and these labels."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        SENTENCES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[PAD]", "[UNK]"])
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(
        vocab_size=300, id2label=dict(enumerate(labels)), problem_type=problem, initializer_range=0.5, **shape
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def test_shares_of_the_label_in_any_company(tmp_path: Path) -> None:
    found = text_classifier.load(f"path:{classifier(tmp_path / 'm', ['neutral', 'toxic'])}", "toxic")
    assert found.label == 1
    together = found.shares([*SENTENCES * 7, "Paris."])
    assert len(together) == 43
    assert all(share is not None and 0 < share < 1 for share in together)
    assert found.shares(["Paris."])[0] == pytest.approx(together[-1], abs=1e-5)
    assert len({round(share or 0, 4) for share in together}) > 3


def test_several_labels_at_once_are_each_for_itself(tmp_path: Path) -> None:
    labels = ["severe_toxic", "toxic", "insult"]
    found = text_classifier.load(f"path:{classifier(tmp_path / 'm', labels, 'multi_label_classification')}", "toxic")
    assert found.label == 1
    one = text_classifier.TextClassifier("m", 0, found.tokenizer, found.model).shares(["Paris."])[0]
    other = text_classifier.TextClassifier("m", 2, found.tokenizer, found.model).shares(["Paris."])[0]
    own = found.shares(["Paris."])[0]
    assert one is not None
    assert other is not None
    assert own is not None
    assert one + own + other != pytest.approx(1, abs=1e-3)


def test_labels_that_deny_it_do_not_count(tmp_path: Path) -> None:
    folder = classifier(tmp_path / "m", ["non-toxic", "not toxic"])
    with pytest.raises(BadRequest, match="no label that says “toxic”, only non-toxic, not toxic"):
        text_classifier.load(f"path:{folder}", "toxic")


def test_it_runs_no_code_and_opens_no_pickles(tmp_path: Path) -> None:
    folder = classifier(tmp_path / "m", ["neutral", "toxic"])
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelCorrupt, match="from safetensors"):
        text_classifier.load(f"path:{folder}", "toxic")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(ModelRefused, match="code of its own"):
        text_classifier.load(f"path:{folder}", "toxic")
    with pytest.raises(ModelNotFound, match="no folder"):
        text_classifier.load(f"path:{tmp_path / 'none'}", "toxic")
