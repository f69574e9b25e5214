"""`python -m data_gen`: the work without the Space. Exit code 2 for a wrong call, 1 when nothing was made."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, get_origin

from pydantic.fields import FieldInfo

from data_gen.contrast import PairRule
from data_gen.errors import DataGenError, WorkHalted
from data_gen.job_folder import JobFolder
from data_gen.job_request import AugmentRequest
from data_gen.pair_file import write_pairs


def main(argv: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    called = vars(_parser().parse_args(argv))
    return _pairs(**called) if called.pop("verb") == "pairs" else _augment(called)


def _augment(called: dict[str, Any]) -> int:
    out, as_json, is_estimate = called.pop("out"), called.pop("as_json"), called.pop("is_estimate")
    try:
        end = run_augment(AugmentRequest.read(**called), out, is_estimate)
    except WorkHalted as error:
        return _complain(str(error), 1)
    except DataGenError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return 130
    if as_json:
        sys.stdout.write(json.dumps([end], ensure_ascii=False, indent=2) + "\n")
    return 0 if end["state"] == "estimated" or (end["rows"] and end["state"] != "halted") else 1


def _pairs(collection: Path, out: Path, rule: PairRule, seed: int) -> int:
    try:
        count = write_pairs(collection, out, rule, seed)
    except DataGenError as error:
        return _complain(str(error), 2)
    except OSError as error:
        return _complain(
            f"{out} cannot be written ({error.strerror}): name a file in a folder that you may write to.", 2
        )
    _say(f"{count:,} pairs: {out}\n")
    return 0


def run_augment(request: AugmentRequest, out: Path, is_estimate: bool = False) -> dict[str, Any]:
    """Do an augment job in the folder `out`, telling progress on stderr; return how it ended."""
    # Imported here: the clients cost a second that --help should not.
    from data_gen.job import augment

    folder = JobFolder(out, lambda line: _say(f"{line}\n"))
    with folder.begun(request.model_dump(mode="json")) as others_end:
        if others_end is not None:
            return others_end
        try:
            end = asyncio.run(augment(request, folder, is_estimate=is_estimate))
        except DataGenError as error:
            with suppress(OSError):  # the disk may be what failed
                folder.finish({"state": "failed", "reason": str(error), "exit_code": 1})
            raise
        folder.finish(end)
    if end.get("reason"):
        folder.log(end["reason"])
    folder.log(f"{end['state'].capitalize()}: {end.get('dataset', end['out'])}")
    return end


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m data_gen", description="Grow datasets of multifaceted preferences.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    _add_augment(verbs)
    _add_pairs(verbs)
    return parser


def _add_augment(verbs: Any) -> None:
    summary = "Grow a collection from instructions: preference sets, system messages, answers, pairs."
    command = verbs.add_parser(
        "augment", help=summary, description=summary, argument_default=argparse.SUPPRESS, allow_abbrev=False
    )
    command.add_argument("--out", type=Path, required=True, help="Folder of the job; the same command on it goes on")
    for name, field in AugmentRequest.model_fields.items():
        _add_flag(command, name, field)
    command.add_argument(
        "--estimate-only",
        dest="is_estimate",
        action="store_true",
        default=False,
        help="Work on a small sample, and say what all will cost",
    )
    command.add_argument(
        "--json", dest="as_json", action="store_true", default=False, help="Print one JSON list and nothing else"
    )


def _add_pairs(verbs: Any) -> None:
    summary = "Pair the answers of a collection that is written already, for DPO, ORPO and reward models."
    command = verbs.add_parser("pairs", help=summary, description=summary, allow_abbrev=False)
    command.add_argument("collection", type=Path, help="JSONL file of SFT records, some of one instruction")
    command.add_argument("--out", type=Path, required=True, help="File to write, JSONL")
    command.add_argument(
        "--rule",
        choices=("contrast", "paper"),
        default="contrast",
        help="contrast: all K(K-1) of an instruction; paper: one an instruction (default: contrast)",
    )
    command.add_argument("--seed", type=int, default=0, help="Draws the paper's pairs (default: 0)")


def _add_flag(command: argparse.ArgumentParser, name: str, field: FieldInfo) -> None:
    """Add a field as a flag; its own check reads the text, so that there is one rule for all faces."""
    says = (field.description or "").replace("%", "%%")
    if not field.is_required() and field.default not in (None, ()):
        says += f" (default: {field.default})"
    options: dict[str, Any] = {"help": says, "required": field.is_required()}
    if field.annotation is bool:
        options = {"help": says, "action": "store_true"}
    elif get_origin(field.annotation) is tuple:
        named = {"teacher": "SPEC", "reuse": "FOLDER"}.get(name, "FILE")
        options |= {"nargs": "+", "action": "extend", "metavar": named}
    else:
        options |= {"metavar": "VALUE"}
    command.add_argument(f"--{name.replace('_', '-')}", **options)


def _complain(sentence: str, code: int) -> int:
    _say(f"data_gen: {sentence}\n")
    return code


def _say(text: str) -> None:
    sys.stderr.write(text)


if __name__ == "__main__":
    sys.exit(main())
