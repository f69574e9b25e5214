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

_TOLERANCE = 1e-3  # as trainer/roundtrip.py holds 32-bit weights to, where the run has stored none


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
    from trainer.model import load_base
    from trainer.model_spec import ModelSpec
    from trainer.scoring import mean_logprobs, question

    told = read_json(run / "roundtrip.json") or {}
    stored = told.get("stored", [])
    size = sum(file.stat().st_size for file in merged.glob("*.safetensors"))
    if not stored:
        return {"gib": round(size / 2**30, 3), "prompts": 0}
    loaded = load_base(ModelSpec("path", str(merged)), Home.at(None).models, device, folder.log)
    asked = [question(loaded.tokenizer, one["messages"], one["answer"]) for one in stored]
    now = mean_logprobs(loaded.model, asked)
    difference = max(abs(one["score"] - score) for one, score in zip(stored, now, strict=True))
    tolerance = float(told.get("tolerance", _TOLERANCE))
    return {
        "gib": round(size / 2**30, 3),
        "prompts": len(stored),
        "difference": difference,
        "tolerance": tolerance,
        "is_same": difference <= tolerance,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
