"""How fast our SFT trains against a plain script around TRL's SFTTrainer: the same rows, batch, dtype and losses.

Rows have the committed lengths below; answers, as in a collection with system messages, are a bit more than half of a
row. All trainers see the same batches in the same order, one epoch each in turn, and every step is compared with the
same step of the plain run just before.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.perf.table import Line

ROUNDS = 3
BATCH = 4
# Tokens of each row; a batch is four in a row. Mean 187, and a quarter of a padded batch is padding.
LENGTHS = (96, 244, 152, 310, 128, 176, 204, 118, 268, 84, 196, 232, 142, 164, 296, 182)
ANSWER_SHARE = 0.55
SAME_LOSS = 2e-3


def columns(vocabulary: int) -> dict[str, list[list[int]]]:
    """Make rows of the committed lengths from tokens without meaning: speed does not read them."""
    import random

    chance = random.Random(0)
    rows = [[chance.randrange(100, vocabulary) for _ in range(length)] for length in LENGTHS]
    cuts = [round(length * (1 - ANSWER_SHARE)) for length in LENGTHS]
    return {
        "prompt_ids": [row[:cut] for row, cut in zip(rows, cuts, strict=True)],
        "answer_ids": [row[cut:] for row, cut in zip(rows, cuts, strict=True)],
    }


class StepClock:
    """Seconds and losses of each step of an epoch."""

    def __init__(self) -> None:
        from transformers import TrainerCallback

        self.seconds: list[float] = []
        self.losses: list[float] = []
        clock = self

        class Callback(TrainerCallback):
            def on_step_begin(self, *_: Any, **__: Any) -> None:
                clock.began = time.perf_counter()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                clock.seconds.append(time.perf_counter() - clock.began)

            def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any = None, **__: Any) -> None:
                if logs and "loss" in logs:
                    clock.losses.append(float(logs["loss"]))

        self.callback = Callback()


def plain(folder: Path, out: str, padding_free: bool) -> StepClock:
    """Run an epoch of what anybody would write; without activation checkpointing and in fp32, as ours."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
    from trl import SFTConfig, SFTTrainer

    from trainer.flat_batch import with_labels

    clock = StepClock()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    rows = with_labels(columns(len(tokenizer)))
    rows.pop("document_lengths")
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=out,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=2e-4,
            lr_scheduler_type="constant",
            logging_steps=1,
            save_strategy="no",
            max_length=None,
            padding_free=padding_free,
            gradient_checkpointing=False,
            use_cpu=True,
            bf16=False,
            train_sampling_strategy="sequential",
            seed=1,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_dict(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=[clock.callback],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock


def ours(folder: Path, out: str) -> StepClock:
    """Run an epoch of our recipe."""
    from transformers import PrinterCallback

    from trainer.config import TrainConfig
    from trainer.defaults import settle
    from trainer.recipes.arguments import Given
    from trainer.recipes.sft import sft
    from trainer.trainable import load_trainable

    config, _ = settle(
        TrainConfig.read(
            {
                "method": "sft",
                "model": f"path:{folder}",
                "dataset": "unused",
                "device": "cpu",
                "learning_rate": 2e-4,
                "lr_scheduler_type": "constant",
                "warmup_steps": 0,
                "per_device_train_batch_size": BATCH,
                "train_sampling_strategy": "sequential",
                "save_steps": 1000,
                "seed": 1,
            }
        )
    )
    clock = StepClock()
    trainable = load_trainable(config, folder, lambda words: None)
    rows = columns(len(trainable.tokenizer))
    parts = trainable.model, trainable.tokenizer, rows
    trainer = sft(config, Given(*parts, out, [clock.callback], trainable.peft_config))
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock


async def measure(say: Callable[[str], None]) -> list[Line]:
    """Train with the embedded model; return the lines of the table."""
    from trainer.embedded import SMOLLM2, prepare

    models = Path(tempfile.gettempdir()) / f"janus-test-models-{SMOLLM2.sha256[:8]}"
    folder = prepare("smollm2", models, say)
    seconds: dict[str, list[float]] = {"plain": [], "padding-free": [], "ours": []}
    with tempfile.TemporaryDirectory() as out:
        for number in range(ROUNDS):
            say(f"Training, round {number + 1} of {ROUNDS}")
            clocks = {
                "plain": plain(folder, out, padding_free=False),
                "ours": ours(folder, out),
                "padding-free": plain(folder, out, padding_free=True),
            }
            for name, clock in clocks.items():
                seconds[name] += clock.seconds[1:]  # the first step warms up
            for before, now in zip(clocks["plain"].losses, clocks["ours"].losses, strict=True):
                assert abs(before - now) < SAME_LOSS * before, f"another loss: {now} where plain TRL has {before}"
    return [_line(name, seconds, bound) for name, bound in (("plain", None), ("padding-free", None), ("ours", 1.4))]


def _line(name: str, seconds: dict[str, list[float]], bound: float | None) -> Line:
    tokens = [sum(LENGTHS[start : start + BATCH]) for start in range(BATCH, len(LENGTHS), BATCH)] * ROUNDS
    rate = statistics.median(count / taken for count, taken in zip(tokens, seconds[name], strict=True))
    ratio = statistics.median(plain / taken for plain, taken in zip(seconds["plain"], seconds[name], strict=True))
    titles = {
        "plain": "SFT, LoRA, plain TRL, padded",
        "padding-free": "SFT, LoRA, TRL padding-free",
        "ours": "SFT, LoRA, ours, same losses as plain TRL",
    }
    return Line(titles[name], f"{rate:.0f} tokens/s", None if name == "plain" else ratio, at_least=bound)
