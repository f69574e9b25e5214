"""`python -m trainer train`: the work without the Space. Exit code 2 for a wrong call, 1 when a run broke off."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from trainer.config import TrainConfig
from trainer.errors import TrainerError, TrainingFailed
from trainer.launch import is_spread
from trainer.quiet import quieten


def main(argv: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    called = _parser().parse_args(argv)
    quieten()
    try:
        told = called.run(called)
    except TrainingFailed as error:
        return _complain(str(error), 1)
    except TrainerError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return 130
    if called.as_json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    return 0


def run_train(config: TrainConfig, out: Path) -> dict[str, Any]:
    """Train in the folder `out`, telling progress on stderr; return how it ended."""
    _choose_gpu(config)
    # Imported here: torch and its trainers cost many seconds that --help should not.
    from trainer.defaults import settle
    from trainer.job_folder import WHY, JobFolder, failure
    from trainer.spread import run_spread
    from trainer.train import train

    config, why = settle(config)
    out = out.absolute()
    folder = JobFolder(out, _say_line)
    if config.machine_rank > 0:  # the first machine keeps the folder
        return run_spread(config, folder, models_dir())
    with folder.begun(config.model_dump(mode="json")) as earlier_end:
        if earlier_end is not None:
            folder.log(f"This run is done already: {earlier_end.get('result')}")
            return earlier_end
        folder.write(WHY, why)
        try:
            work = run_spread if is_spread(config) else train
            end = work(config, folder, models_dir())
        except TrainerError as error:
            folder.write("exit.json", {**failure(error), "out": str(out)})
            raise
        folder.write("exit.json", end)
    folder.log(f"{end['state'].capitalize()}: {end.get('result', end['out'])}")
    return end


def run_check(config: TrainConfig) -> dict[str, Any]:
    """Read and check the dataset without loading a model."""
    from trainer.data import read_dataset

    found = read_dataset(config.dataset, config.method, config)
    for fault in found.faults:
        _say(f"{fault}\n")
    return {
        "rows": len(found.rows),
        "faults": [fault._asdict() for fault in found.faults],
        "left_out": dict(found.left_out),
        "columns": found.columns,
    }


def run_xray(config: TrainConfig, rows: int) -> list[dict[str, Any]]:
    """Show the first rows token by token, as the model will read them."""
    from trainer.data import read_dataset
    from trainer.model import load_tokenizer
    from trainer.model_spec import ModelSpec
    from trainer.system_options import arranged
    from trainer.xray import as_text, xray

    found = read_dataset(config.dataset, config.method, config)
    tokenizer = load_tokenizer(ModelSpec.parse(config.model), models_dir(), _say_line)
    shown = [xray(tokenizer, row, config.max_length) for row in arranged(found.rows, config, config.seed)[:rows]]
    for one in shown:
        _say(as_text(one))
    return [one._asdict() for one in shown]


def run_estimate(config: TrainConfig) -> dict[str, Any]:
    """Measure three steps of the run; say what it takes, or what would fit."""
    _choose_gpu(config)
    from trainer.defaults import settle
    from trainer.estimate import estimate

    config, why = settle(config)
    found = estimate(config, models_dir())
    _say_line(found.sentence)
    return {
        "sentence": found.sentence,
        "memory_gib": found.memory_gib,
        "asked": found.asked._asdict(),
        "cure": found.cure,
        "cured": found.cured and found.cured._asdict(),
        "why": why,
    }


def run_merge(model: str, out: Path) -> dict[str, Any]:
    """Write the weights of a base and its adapter as one model."""
    from trainer.merge import merge

    return {"model": f"path:{merge(model, out, models_dir(), _say_line)}"}


def models_dir() -> Path:
    """Return where converted models are kept, as the Space does."""
    return Path(os.environ.get("JANUS_HOME") or "~/.cache/janus-space").expanduser() / "models"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m trainer", description="Fine-tune a model to follow system messages.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    command = _verb(verbs, "train", "Train as a YAML file says; the same command on the same --out goes on.")
    _takes_config(command)
    command.add_argument("--out", type=Path, required=True, help="Folder of the job")
    command.add_argument("--machine-rank", type=int, help="Which of several machines this is, counted from 0")
    command.set_defaults(run=lambda called: [run_train(_config(called), called.out)])
    command = _verb(verbs, "check", "Read and check the dataset of a YAML file; name every row that cannot be used.")
    _takes_config(command)
    command.set_defaults(run=lambda called: [run_check(_config(called))])
    command = _verb(verbs, "xray", "Show rows token by token: who speaks, what is trained.")
    _takes_config(command)
    command.add_argument("--rows", type=int, default=1, help="How many rows (default: 1)")
    command.set_defaults(run=lambda called: run_xray(_config(called), called.rows))
    command = _verb(verbs, "estimate", "Measure three steps: time, memory, and what would fit.")
    _takes_config(command)
    command.set_defaults(run=lambda called: [run_estimate(_config(called))])
    command = _verb(verbs, "merge", "Put an adapter into its base's weights.")
    command.add_argument("model", help="BASE+ADAPTER, such as embedded:smollm2+./run/adapter")
    command.add_argument("--out", type=Path, required=True, help="Folder of the new model")
    command.set_defaults(run=lambda called: [run_merge(called.model, called.out)])
    return parser


def _takes_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "config", type=Path, help="YAML file; four lines are enough: method, model, dataset, max_steps"
    )


def _config(called: argparse.Namespace) -> TrainConfig:
    config = TrainConfig.load(called.config)
    rank = getattr(called, "machine_rank", None)
    return config if rank is None else TrainConfig.read(config.model_dump(exclude_unset=True) | {"machine_rank": rank})


def _choose_gpu(config: TrainConfig) -> None:
    """Show one GPU alone to a run of one process; must be done before torch looks for them."""
    if config.num_processes > 1 or config.device == "cpu":
        return
    number = int((config.device or "cuda:0").partition(":")[2] or 0)
    visible = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
    if visible and number < len(visible):
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[number]
    elif "CUDA_VISIBLE_DEVICES" not in os.environ:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number)


def _verb(verbs: Any, name: str, summary: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    command.add_argument("--json", dest="as_json", action="store_true", help="Print one JSON list and nothing else")
    return command


def _complain(sentence: str, code: int) -> int:
    _say(f"trainer: {sentence}\n")
    return code


def _say_line(text: str) -> None:
    _say(f"{text}\n")


def _say(text: str) -> None:
    sys.stderr.write(text)


if __name__ == "__main__":
    sys.exit(main())
