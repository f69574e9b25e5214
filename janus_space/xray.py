"""The first rows of a dataset as the model would read them: asked of a process of its own, for it needs a tokenizer."""

from __future__ import annotations

from janus_space.home import Home
from janus_space.trainer_process import ask_trainer
from trainer.config import TrainConfig
from trainer.errors import BadDataset
from trainer.xray import Xray, XrayText, XrayToken

_TIMEOUT_SECONDS = 240.0  # a model's files may have to be converted first


async def xray(config: TrainConfig, home: Home, rows: int = 2) -> list[Xray]:
    """Show the first rows token by token, by the function that training uses.

    Raises:
        BadDataset: they cannot be shown; the sentence says why
    """
    told = await ask_trainer(
        "xray", config, home, "--rows", str(rows), timeout_seconds=_TIMEOUT_SECONDS, refusal=BadDataset
    )
    return [_read(one) for one in told]


def _read(told: dict[str, object]) -> Xray:
    one = Xray(**told)  # type: ignore[arg-type]
    texts = [XrayText(label, [XrayToken(*token) for token in tokens]) for label, tokens in one.texts]
    return one._replace(texts=texts)
