"""What a run will take, measured before it starts: three steps on its longest rows, in a process of its own."""

from __future__ import annotations

from janus_space.home import Home
from janus_space.trainer_process import ask_trainer
from janus_space.training import devices_of
from trainer.config import TrainConfig
from trainer.errors import TrainingFailed
from trainer.estimate import Estimate, Measured

_TIMEOUT_SECONDS = 1800.0  # a large model is read from disk again for everything that is tried


async def estimate(config: TrainConfig, home: Home) -> Estimate:
    """Measure a run on the device that it would take; where it does not fit, find what does.

    Raises:
        TrainerError: it cannot be started at all, or took too long
    """
    devices = devices_of(config)
    if len(devices) == 1:
        config = config.model_copy(update={"device": devices[0]})
    (told,) = await ask_trainer("estimate", config, home, timeout_seconds=_TIMEOUT_SECONDS, refusal=TrainingFailed)
    cured = told["cured"] and Measured(**told["cured"])
    return Estimate(Measured(**told["asked"]), told["memory_gib"], told["cure"], cured, told["sentence"])
