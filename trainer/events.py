"""From the trainer's callbacks to the job's folder: a line a step, the wish to stop, sealed checkpoints."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainer.checkpoints import seal
from trainer.errors import TrainingFailed
from trainer.job_folder import JobFolder
from trainer.memory import peak_memory_gib
from trainer.mfu import gpu_name, mfu_percent

_NOT_A_STEP = {"train_runtime", "train_loss"}
_LEFT_OUT = {"num_tokens", "total_flos"}


class JobEvents(TrainerCallback):
    """Writes one event a step. A step that a killed process has told already is not told twice."""

    def __init__(self, folder: JobFolder, mean_tokens: int) -> None:
        self._folder, self._mean_tokens = folder, mean_tokens
        self._told = {event["step"]: event.get("loss") for event in folder.events("step")}
        self._is_signalled = False
        self._mfu: Callable[[float], float | None] = lambda tokens_per_s: None
        self._tokens_before = 0
        self._since = time.perf_counter()

    def stop_on_signals(self) -> None:
        """Take SIGTERM and Ctrl-C as a wish to stop and save; a second one ends the process as usual."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        self._folder.event("started", step=state.global_step, max_steps=state.max_steps)
        if (gpu := gpu_name()) is not None and args.bf16:
            model = given["model"]
            is_adapter = any(not weights.requires_grad for weights in model.parameters())
            self._mfu = partial(
                mfu_percent,
                model_config=model.config,
                mean_tokens=self._mean_tokens,
                device_name=gpu,
                devices=args.world_size,
                is_adapter=is_adapter,
            )
        self._since = time.perf_counter()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if not logs or _NOT_A_STEP & logs.keys() or "loss" not in logs:
            return
        step, loss = state.global_step, float(logs["loss"])
        self._tell(step, loss, logs)
        if not math.isfinite(loss):
            raise TrainingFailed(
                f"The loss is no number any more at step {step}: lower learning_rate, and start in another folder."
            )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        if self._everybody_is_to_stop():
            control.should_training_stop = True
            control.should_save = True
        return control

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.is_world_process_zero:
            checkpoint = self._folder.checkpoints / f"checkpoint-{state.global_step}"
            seal(checkpoint)
            self._folder.event("saved", step=state.global_step)

    def _tell(self, step: int, loss: float, logs: dict[str, Any]) -> None:
        seconds, self._since = time.perf_counter() - self._since, time.perf_counter()
        facts = {name: _number(value) for name, value in logs.items() if name not in _LEFT_OUT | {"loss"}}
        facts["seconds"] = round(seconds, 3)
        if "num_tokens" in logs:
            tokens = int(logs["num_tokens"]) - self._tokens_before
            self._tokens_before += tokens
            facts |= {"tokens": tokens, "tokens_per_s": round(tokens / seconds, 1)}
            if (mfu := self._mfu(tokens / seconds)) is not None:
                facts["mfu_percent"] = mfu
        facts["memory_gib"] = peak_memory_gib()
        if step not in self._told:
            self._folder.event("step", step=step, loss=loss, **facts)
        elif self._told[step] != loss:  # a GPU may differ in the last digits; that is said, not hidden
            self._folder.event("recomputed", step=step, loss=loss)

    def _signalled(self, number: int, frame: Any) -> None:
        self._is_signalled = True
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)

    def _everybody_is_to_stop(self) -> bool:
        """Let the first process decide for all: they must leave the same step, or the others wait for ever."""
        wish = self._is_signalled or self._folder.is_asked_to_stop
        if not torch.distributed.is_initialized():
            return wish
        decision = [wish]
        torch.distributed.broadcast_object_list(decision, src=0)
        return decision[0]


def _number(value: Any) -> Any:
    """JSON knows no infinity: what is no number is told as text."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)
