"""`python -m janus_space.augment_worker FOLDER [--estimate-only]`: does the augment job of a folder.

The same work as `python -m data_gen augment`, with two more ways to a teacher: keys that a visitor lent, which come
through the environment, and an engine of its own for the models of this machine, which ends with the job.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

from data_gen.errors import DataGenError
from data_gen.job import augment
from data_gen.job_folder import JobFolder
from data_gen.job_request import AugmentRequest
from data_gen.open_teacher import ECHO
from data_gen.openai_completion import Address
from data_gen.openai_spec import api_key_for, parse_openai_spec
from janus_space import attribution
from janus_space.augment_order import ESTIMATE_ONLY, KEYS, TRAINED, AugmentJob
from janus_space.engine.process import EnginePool
from janus_space.errors import SpaceError
from janus_space.home import Home
from janus_space.jobs import Jobs
from janus_space.training import named_model
from janus_space.work_job import work_job
from trainer.errors import TrainerError
from trainer.model_spec import ModelSpec


def main(argv: list[str]) -> int:
    """Do the job; what became of it stands in its folder."""
    folder = JobFolder(Path(argv[0]))
    request = AugmentJob.model_validate_json((folder.path / "request.json").read_text("utf-8"))
    keys = json.loads(os.environ.pop(KEYS, "{}"))
    return work_job(folder, request, lambda: _augment(request, folder, keys, is_estimate=ESTIMATE_ONLY in argv))


async def _augment(
    request: AugmentJob, folder: JobFolder, keys: Mapping[str, str], is_estimate: bool
) -> dict[str, Any]:
    """Resolve the teachers first: an engine is held for as long as the job lasts, and ends with it."""
    resolved: dict[str, tuple[str, Address]] = {}
    home = Home.at(None)
    with closing(EnginePool(home)) as engines:
        async with AsyncExitStack() as held:
            for spec in request.teacher:
                if spec.startswith("openai:"):
                    model, base_url = parse_openai_spec(spec)
                    resolved[spec] = model, Address(base_url, api_key_for(base_url, keys))
                elif spec != ECHO:
                    is_trained = spec.startswith(f"{TRAINED}:")
                    local = named_model(Jobs(home), spec) if is_trained else ModelSpec.parse(spec)
                    endpoint = await held.enter_async_context(engines.lease(local.base, "auto", folder.log))
                    resolved[spec] = str(local), Address(endpoint.url, endpoint.token, "engine")
            plan = AugmentRequest(**request.model_dump(include=set(AugmentRequest.model_fields)))
            end = await augment(plan, folder, resolved.__getitem__, is_estimate)
            if end["state"] == "done" and request.attribution_by:
                end |= await _attribution(request.attribution_by, folder, engines)
            return end


async def _attribution(spec: str, folder: JobFolder, engines: EnginePool) -> dict[str, Any]:
    """Check whose answer is whose; the rows are made by then, so whatever goes wrong is told and ends nothing."""
    try:
        found = await attribution.attribute(folder.path / "dataset", spec, engines, folder.log)
    except (DataGenError, SpaceError, TrainerError) as error:
        folder.log(f"Whose answer is whose was not checked: {error}")
        return {}
    folder.log(f"{found.accuracy:.0%} of {found.n} answers fit their own message best, as {spec} reads them.")
    return {"attribution": found.model_dump(mode="json")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
