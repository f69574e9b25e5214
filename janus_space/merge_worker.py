"""`python -m janus_space.merge_worker FOLDER`: merges the adapter of a run into its base, and asks what came of it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from janus_space.devices import show_alone
from janus_space.home import Home
from janus_space.job import Job, read_json
from janus_space.merging import PROOF, VERB, MergeRequest
from janus_space.training import MERGED
from trainer.errors import TrainerError
from trainer.job_folder import JobFolder, failure
from trainer.quiet import quieten


def main(argv: list[str]) -> int:
    """Do the job; what became of it stands in its folder, and what it made in the run's."""
    job = Job(VERB, Path(argv[0]).name, Path(argv[0]))
    folder = JobFolder(job.folder)
    show_alone(job.work.devices if job.work else ())
    try:
        end = _merge(MergeRequest(**job.request), folder)
    except TrainerError as error:
        end = failure(error)
    folder.log(end.get("reason") or f"Merged: {end['result']}")
    folder.write("exit.json", end)
    return 0 if end["state"] != "failed" else 1


def _merge(request: MergeRequest, folder: JobFolder) -> dict[str, Any]:
    """Write the merged model whole or not at all, and hold it to what the run's own model had said."""
    quieten()
    # Imported here: what they read from the environment is only now as it should be.
    from trainer.merge import merge

    run, models = Path(request.run), Home.at(None).models
    unfinished = run / f".{MERGED}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # what a killed one left
    merge(request.model, unfinished, models, folder.log, request.device)
    proof = _proof(run, unfinished, request.device, folder)
    shutil.rmtree(run / MERGED, ignore_errors=True)
    unfinished.rename(run / MERGED)
    JobFolder(run).write(PROOF, proof)
    return {"state": "done", "result": str(run / MERGED), **proof}


def _proof(run: Path, merged: Path, device: str, folder: JobFolder) -> dict[str, Any]:
    """Ask the merged model what the run's own was asked before it was saved, of whichever kind it is."""
    from trainer.config import TrainConfig
    from trainer.roundtrip import as_whole, prove, remembered

    told = read_json(run / "roundtrip.json") or {}
    size = sum(file.stat().st_size for file in merged.glob("*.safetensors"))
    gib = round(size / 2**30, 3)
    if not told.get("stored"):
        return {"gib": gib, "prompts": 0}
    config = as_whole(TrainConfig(**(read_json(run / "request.json") or {}))).model_copy(update={"device": device})
    found = prove(remembered(told["stored"], merged), merged, config, Home.at(None).models, folder.log)
    difference, tolerance = found["loaded_difference"], float(told.get("tolerance", found["tolerance"]))
    return {
        "gib": gib,
        "prompts": found["prompts"],
        "difference": difference,
        "tolerance": tolerance,
        "is_same": difference <= tolerance,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
