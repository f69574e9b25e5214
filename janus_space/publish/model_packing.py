"""A trained model packed: merged if that is wished, tried as a stranger would, and described by what was recorded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from janus_space import catalogue
from janus_space.errors import PublishRefused
from janus_space.home import Home
from janus_space.jobs import Jobs
from janus_space.publish import paths
from janus_space.publish.allowed import ADAPTER, CURVES, WEIGHTS, chosen
from janus_space.publish.benchmarks import benchmarks
from janus_space.publish.card import ModelFacts, curves_of, model_card
from janus_space.publish.examples import Example, Reading, questions, reading, scored
from janus_space.publish.hub import Hub
from janus_space.publish.licence import Decision, Origin, decide, normal
from janus_space.publish.packing import Packed, close, fresh_folder, put, write_card
from janus_space.publish.snippet import Names, Question, Trial, snippet, tried
from janus_space.publish.sources import ModelSource, described
from trainer.config import TrainConfig
from trainer.model_spec import ModelSpec, local_folder

Say = Callable[[str], None]


class ModelWish(NamedTuple):
    """What is wished of a model's publication."""

    repo_id: str
    is_private: bool
    is_merged: bool
    licence: str | None
    card: str | None


class Parts(NamedTuple):
    """What a model is made of."""

    base: Origin
    data: Origin


def pack_model(
    job: Path,
    home: Home,
    hub: Hub,
    source: ModelSource,
    wish: ModelWish,
    say: Say,
    steer_rows: Sequence[dict[str, Any]] = (),
) -> Packed:
    """Pack what a training job has made.

    Raises:
        PublishRefused: others could not use it, or a secret would go
        TrainerError: it cannot be merged or loaded
    """
    is_adapter = source.is_adapter and not wish.is_merged
    if is_adapter and source.base_id is None:
        raise PublishRefused(
            f"{source.job.id} is an adapter for a model in a folder of this machine, which nobody else has: publish it"
            " with --merged, so that the weights go along."
        )
    parts = parts_of(source.config, hub)
    decision = decide(parts, wish.licence)
    weights = _merged(job, home, source, say) if wish.is_merged and source.is_adapter else source.weights
    folder = fresh_folder(job)
    files = chosen(weights, ADAPTER if is_adapter else WEIGHTS)
    put(weights, files, folder, home)
    request_yaml = _request_for_others(folder, source, home)
    asked = questions(source)
    told = reading(folder, asked[0])
    code, trial, examples = _tried(source, wish, folder, home, asked, told, say)
    facts = ModelFacts(
        source=source,
        repo_id=wish.repo_id,
        is_merged=wish.is_merged,
        decision=decision,
        data_name=data_name(source.config),
        data_id=data_id(source.config),
        data_licence=parts.data.licence,
        base_licence=parts.base.licence,
        request_yaml=request_yaml,
        code=code,
        trial=trial,
        reading=told,
        examples=examples,
        steer_rows=steer_rows,
        benchmarks=benchmarks(Jobs(home), source.job),
    )
    _describe(folder, facts, wish.card, home)
    shutil.rmtree(job / "merged", ignore_errors=True)
    return close(
        job,
        home,
        "model",
        wish.repo_id,
        wish.is_private,
        skipped=files.skipped,
        warnings=decision.warnings,
        questions=_open_questions(source, decision, trial),
    )


def _describe(folder: Path, facts: ModelFacts, card: str | None, home: Home) -> None:
    if drawn := curves_of(facts.source):
        (folder / CURVES).write_text(drawn, "utf-8")
    write_card(folder, card or model_card(facts), home)


def _merged(job: Path, home: Home, source: ModelSource, say: Say) -> Path:
    from trainer.merge import merge

    if source.config.method == "reward":
        raise PublishRefused("A reward model's adapter is published as it is: leave --merged out.")
    out = job / "merged"
    shutil.rmtree(out, ignore_errors=True)
    say("Merging the adapter into its base")
    merge(source.spec, out, home.models, say)
    shutil.copyfile(source.weights / "train_request.json", out / "train_request.json")
    return out


def parts_of(config: TrainConfig, hub: Hub) -> Parts:
    """Find out under which licences base and data are: in the house's tables and cards first, else on the Hub."""
    spec = ModelSpec.parse(config.model)
    known = {entry.spec: entry.licence for entry in catalogue.entries()}
    base = known.get(spec.base) or known.get(f"hf:{spec.name}")
    if base is None and spec.kind == "hf":
        base = hub.licence_of("model", spec.name)
    folder = local_folder(config.dataset)
    if folder.exists():
        data = described(folder if folder.is_dir() else folder.parent).licence
    else:
        name = data_id(config)
        data = hub.licence_of("dataset", name) if name else None
    return Parts(
        Origin(f"the base {Path(spec.name).name if spec.kind == 'path' else spec.name}", normal(base)),
        Origin(f"the dataset {data_name(config)}", normal(data)),
    )


def data_id(config: TrainConfig) -> str | None:
    """Return the dataset's name on the Hub, if it comes from there."""
    return config.dataset.removeprefix("hf:").partition("@")[0] if config.dataset.startswith("hf:") else None


def data_name(config: TrainConfig) -> str:
    """Name the dataset so that it means something elsewhere."""
    return data_id(config) or local_folder(config.dataset).name


def _request_for_others(folder: Path, source: ModelSource, home: Home) -> str:
    """Write the request as others can use it: the base by its name on the Hub, data by its own name."""
    written = folder / "train_request.json"
    values = json.loads(written.read_text("utf-8")) if written.exists() else source.config.model_dump(mode="json")
    if source.base_id is not None and not values["model"].startswith("hf:"):
        values["model"] = f"hf:{source.base_id}"
    if written.exists():
        written.unlink()
        written.write_text(json.dumps(values, indent=2) + "\n", "utf-8")
        paths.rewrite(folder, paths.roots(home.folder))
        values = json.loads(written.read_text("utf-8"))
    return TrainConfig(**values).to_yaml()


def _tried(
    source: ModelSource,
    wish: ModelWish,
    folder: Path,
    home: Home,
    asked: Sequence[Question],
    told: Reading,
    say: Say,
) -> tuple[str, Trial, list[Example]]:
    """Run the card's code on the parcel; then score what it answered. Return the code with its public names."""
    from trainer.model import base_folder

    is_reward = source.config.method == "reward"
    public = Names(wish.repo_id, source.base_id or "", source.base_revision)
    base = base_folder(ModelSpec.parse(source.config.model), home.models, say)
    here = Names(str(folder), str(base), None)
    code, trial_code = (snippet(source, wish.is_merged, names, asked[0], told.separator) for names in (public, here))
    say("Trying the card's code on the files that would go")
    trial = tried(trial_code, asked, is_reward)
    if trial.error is not None or is_reward:
        return code, trial, [Example(one.system, one.prompt, "") for one in asked[:1]]
    return code, trial, _scored(source, folder, home, asked, trial.answers)


def _scored(
    source: ModelSource, folder: Path, home: Home, asked: Sequence[Question], answers: Sequence[str]
) -> list[Example]:
    from trainer.roundtrip import loaded_again

    model, tokenizer = loaded_again(source.config, folder, home.models, lambda words: None)
    return scored(model, tokenizer, asked, answers)


def _open_questions(source: ModelSource, decision: Decision, trial: Trial) -> Mapping[str, str]:
    found = {}
    if decision.conflict:
        found["licence"] = decision.conflict
    if trial.error is not None:
        found["snippet"] = f"The code on the card failed when it was tried: {trial.error}"
    if (source.roundtrip or {}).get("is_same") is False:
        found["roundtrip"] = (
            f"What {source.job.id} has saved does not say what was trained; roundtrip.json has the figures."
        )
    return found
