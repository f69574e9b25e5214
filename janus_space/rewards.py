"""A reward model, trained here or from the Hub, in a process of its own: it rates answers and writes none."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_gen.chat import Conversation
from janus_space.best_of import Rate
from janus_space.errors import ScoringRefused, UnknownModel
from janus_space.home import Home
from janus_space.job import Job
from janus_space.jobs import Jobs
from janus_space.training import VERB, is_reward_model, reward_models
from trainer.errors import TrainerError
from trainer.model_spec import ModelSpec, local_folder

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class RewardModel:
    """A reward model by its name; nothing is loaded yet.

    `source` is the folder of its run, or the spec of its weights on the Hub.
    """

    spec: str
    source: str
    home: Home

    @classmethod
    def trained_here(cls, jobs: Jobs, spec: str) -> RewardModel:
        """Find the reward model `job:NAME`.

        Raises:
            UnknownModel: no finished run of that name has made one
        """
        found = reward_models(jobs)
        job = next((job for job in found if spec == f"job:{job.name}"), None)
        if job is None:
            known = " or ".join(f"job:{job.name}" for job in found[:5])
            there = f"there are {known}" if known else "train one with method: reward"
            raise UnknownModel(f"{spec[:100]!r} is no reward model that was trained here: {there}.")
        return cls(spec, str(job.folder), jobs.home)

    @classmethod
    def named(cls, jobs: Jobs, spec: str) -> RewardModel:
        """Find one trained here, or that of a run elsewhere, `path:FOLDER`; the Hub is asked later for `hf:ORG/NAME`.

        Raises:
            UnknownModel: no finished run of that name, or in that folder, has made one; or the spec cannot be read
        """
        if spec.startswith("hf:"):
            try:
                return cls(str(ModelSpec.parse(spec)), spec, jobs.home)
            except TrainerError as error:
                raise UnknownModel(str(error)) from error
        if spec.startswith("path:"):
            folder = local_folder(spec.removeprefix("path:"))
            if is_reward_model(Job(VERB, folder.name, folder)):
                return cls(spec, str(folder), jobs.home)
        return cls.trained_here(jobs, spec)

    @asynccontextmanager
    async def ready(self, tell: Callable[[str], None]) -> AsyncIterator[Rate]:
        """Hold its process; leaving ends it.

        Raises:
            ScoringRefused: it cannot be loaded, or an answer cannot be rated
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "janus_space.reward_worker", self.source),
            cwd=_ROOT,
            env={**os.environ, "JANUS_HOME": str(self.home.folder)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        lock = asyncio.Lock()

        async def rate(conversation: Conversation, answers: Sequence[str]) -> list[float]:
            async with lock:
                asked = {"messages": conversation.as_dicts(), "answers": list(answers)}
                told = await self._asked(process, asked)
            return [float(reward) for reward in told["rewards"]]

        try:
            tell(f"Loading {self.spec}")
            await self._asked(process, None)
            yield rate
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _asked(self, process: asyncio.subprocess.Process, question: dict[str, Any] | None) -> dict[str, Any]:
        """Send a question, if there is one, and wait for one line."""
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended: its last line says why
            if question is not None:
                process.stdin.write(json.dumps(question).encode() + b"\n")
                await process.stdin.drain()
        line = await process.stdout.readline()
        told = json.loads(line) if line else {"error": "its process has ended, probably because memory ran out."}
        if "error" in told:
            raise ScoringRefused(f"{self.spec} cannot rate this: {told['error']}")
        return dict(told)
