"""The engine's one thread: it owns the model and does, in turn, a step of the batch and a piece of other work."""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import torch
from torch import nn

from janus_space.engine.adapters import AdapterBank
from janus_space.engine.batch import Batch, Request
from janus_space.engine.scoring import Scored, score
from janus_space.engine.threads import Threads

_log = logging.getLogger(__name__)


class Loop:
    """Answers and scores with one base model. Every method may be called from any thread."""

    def __init__(self, model: nn.Module, tokenizer: Any, threads: Threads | None = None) -> None:
        self._model = model
        self._bank = AdapterBank()
        self._bank.attach(model)
        self._batch = Batch(model, tokenizer, self._bank, threads=threads)
        self._work: collections.deque[Callable[[], bool]] = collections.deque()
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def adapters(self) -> tuple[str, ...]:
        return self._bank.names

    @property
    def rows(self) -> int:
        return self._batch.size

    def answer(self, request: Request) -> None:
        """Let a request join the running batch."""

        def join() -> bool:
            self._batch.join(request)
            return True

        self._soon(join)

    def load_adapter(self, name: str, folder: Path) -> Future[None]:
        """Load an adapter under a name; loading it again replaces it."""
        done: Future[None] = Future()

        def load() -> bool:
            try:
                self._bank.add(name, folder)
                self._batch.forget(name)
                done.set_result(None)
            except Exception as error:  # noqa: BLE001 - handed to the caller, who waits for it
                done.set_exception(error)
            return True

        self._soon(load)
        return done

    def score(self, texts: list[Scored]) -> Future[list[list[float]]]:
        """Score texts between the steps of the batch; cancelling the future stops after the piece in work."""
        done: Future[list[list[float]]] = Future()
        groups: Iterator[list[list[float]]] = score(self._model, self._bank, texts)
        scores: list[list[float]] = []

        def one_group() -> bool:
            try:
                if done.cancelled():
                    return True
                scores.extend(next(groups))
                return False
            except StopIteration:
                if done.set_running_or_notify_cancel():
                    done.set_result(scores)
            except Exception as error:  # noqa: BLE001 - handed to the caller, who waits for it
                if done.set_running_or_notify_cancel():
                    done.set_exception(error)
            return True

        self._soon(one_group)
        return done

    def _soon(self, work: Callable[[], bool]) -> None:
        with self._wake:
            self._work.append(work)
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._work and not self._batch.size:
                    self._wake.wait()
                due = list(self._work)
                self._work.clear()
            unfinished = [work for work in due if not work()]
            with self._wake:
                self._work.extendleft(reversed(unfinished))
            self._step()

    def _step(self) -> None:
        try:
            self._batch.step()
        except torch.OutOfMemoryError:
            self._batch.abandon("The model ran out of memory: ask fewer columns at once, or for shorter answers.")
        except Exception:  # noqa: BLE001 - logged below
            # One bad step must not end the engine: its rows are told, the next requests start afresh.
            _log.exception("a step of the batch failed")
            self._batch.abandon("The engine failed while answering; its log says why. Ask again.")
