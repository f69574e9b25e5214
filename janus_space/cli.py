"""The command line: a sub-command a verb, a flag a field. Exit code 1 if every column failed, 2 for a wrong call."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from data_gen.chat import Sampling
from data_gen.errors import DataGenError
from janus_space.comparison import ColumnEvent, Comparison
from janus_space.errors import PriceNotAccepted, SpaceError
from janus_space.export import figures, row
from janus_space.verbs import VERBS, Verb
from trainer.errors import TrainerError

if TYPE_CHECKING:
    from janus_space.steer import SteerEvent

# A conversation is data, not a flag: the API and the exported script bear it.
_NOT_FLAGS = {"history"}
_POSITIONAL = {"bench", "job", "config", "what", "source", "repo_id"}
_SEVERAL = {"model": "SPEC", "teacher": "SPEC", "hierarchy": "FILE", "against": "FILE", "reuse": "FOLDER"}
_METAVARS = {
    **_SEVERAL,
    "bench": "NAME",
    "judge": "SPEC",
    "annotations": "FILE",
    "references": "FILE",
    "baseline": "SPEC",
    "reward": "JOB",
    "config": "CONFIG.yaml",
    "data": "FILE",
    "instructions": "FILE",
    "prompts": "FOLDER",
    "out": "FOLDER",
    "job": "JOB",
    "what": "model|dataset|space|collection",
    "source": "SOURCE",
    "repo_id": "REPO_ID",
    "card": "FILE",
    "license": "ID",
    "accept": "QUESTION",
}
_SECONDS_BETWEEN_NEWS = 5.0
# What a model says must not move the cursor or rename the window.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def main(argv: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        return _obey(_parser().parse_args(argv))
    except (DataGenError, TrainerError, SpaceError) as error:
        sys.stderr.write(f"janus: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of a pipe has left; without this, Python would complain again while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


class _Parser(argparse.ArgumentParser):
    notes: Callable[[], Mapping[str, str]] = staticmethod(dict)

    def format_help(self) -> str:
        told = self.notes()
        for action in self._actions:
            if action.dest in told:
                action.help = f"{action.help} [{told[action.dest]}]"
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="janus", description="Compare models that follow individual system messages.", allow_abbrev=False
    )
    commands = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS.values():
        command = commands.add_parser(
            verb.name,
            help=verb.summary,
            description=verb.summary,
            argument_default=argparse.SUPPRESS,
            allow_abbrev=False,
        )
        command.set_defaults(verb=verb, command=command, as_json=False)
        command.notes = verb.notes
        _add_flags(command, verb)
    return parser


def _add_flags(command: argparse.ArgumentParser, verb: Verb) -> None:
    asked = command.add_argument_group("what is asked")
    sampling = command.add_argument_group("sampling") if issubclass(verb.request, Sampling) else asked
    for name, field in verb.request.model_fields.items():
        if name not in _NOT_FLAGS:
            _add_flag(sampling if name in Sampling.model_fields else asked, name, field)
    if _must_say_system(verb):
        asked.add_argument(
            "--no-system", dest="system", action="append_const", const=None, help="Send no system message, on purpose"
        )
    command.add_argument("--json", dest="as_json", action="store_true", help="Print one JSON list and nothing else")


def _add_flag(group: argparse._ArgumentGroup, name: str, field: FieldInfo) -> None:
    """Add a field as a flag. Values stay text: the field's own check reads them, so there is one rule for all faces."""
    says = field.description or ""
    if not field.is_required() and field.default not in (None, ()):
        says += f" (default: {field.default})"
    options: dict[str, Any] = {"help": says.replace("%", "%%")}
    if field.annotation is bool:
        group.add_argument(f"--{name.replace('_', '-')}", action="store_true", **options)
        return
    is_number = {int, float} & {field.annotation, *get_args(field.annotation)}
    choices = "|".join(map(str, get_args(field.annotation))) if get_origin(field.annotation) is Literal else ""
    options["metavar"] = choices or _METAVARS.get(name, "N" if is_number else "TEXT")
    if name in _POSITIONAL:
        group.add_argument(name, **options)
        return
    options["required"] = field.is_required() and name != "system"
    if name in _SEVERAL:
        options |= {"action": "extend", "nargs": "+"}
    else:
        options |= {"action": "append" if get_origin(field.annotation) is tuple else "store"}
    group.add_argument(f"--{name.replace('_', '-')}", **options)


def _obey(called: argparse.Namespace) -> int:
    fields = vars(called)
    verb, command, as_json = fields.pop("verb"), fields.pop("command"), fields.pop("as_json")
    if _must_say_system(verb) and "system" not in fields:
        command.error("say how the assistant should behave with --system TEXT, or choose --no-system")
    listener = _LISTENERS[verb.name](as_json)
    try:
        rows = asyncio.run(_ask(verb, verb.read(**fields), listener))
    except PriceNotAccepted as price:
        if not (sys.stdin.isatty() and _agrees_to(price)):
            raise PriceNotAccepted(f"{price} Add --yes to agree to that; nothing was started.") from price
        rows = asyncio.run(_ask(verb, verb.read(**fields, yes=True), listener))
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    return 1 if rows and all("error" in row for row in rows) else 0


def _must_say_system(verb: Verb) -> bool:
    """Where a system message is asked for, sending none is something that a person chooses."""
    field = verb.request.model_fields.get("system")
    return field is not None and field.is_required()


def _agrees_to(price: PriceNotAccepted) -> bool:
    sys.stderr.write(f"{price}\nStart it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _ask(verb: Verb, request: BaseModel, on_event: Callable[..., None]) -> Sequence[Mapping[str, Any]]:
    # Imported here: the clients and the engine's launcher cost a second that --help should not.
    from janus_space.engine.process import EnginePool
    from janus_space.home import Home
    from janus_space.models import Models

    home = Home.at(None)
    home.check_writable()
    with closing(EnginePool(home)) as engines:
        return await verb.run(request, Models(home, engines), on_event)


class SteerPrinter:
    """Tell on stderr how far a model is, every few seconds, and print its figures when they are there."""

    def __init__(self, as_json: bool) -> None:
        self._prints_figures = not as_json
        self._model_began = self._told_at = time.monotonic()

    def __call__(self, event: SteerEvent) -> None:
        from janus_space import steer_table
        from janus_space.steer import Steered

        now = time.monotonic()
        if isinstance(event, Steered):
            self._model_began = now
            if self._prints_figures:
                figures = f"{steer_table.table(event.told)}\n" if event.told else ""
                _write(f"{steer_table.reading(event)}\n{figures}\n")
        elif event.note:
            self._model_began = now
            sys.stderr.write(f"{event.model} – {_plain(event.note)}\n")
        elif now - self._told_at >= _SECONDS_BETWEEN_NEWS or event.done == event.of:
            self._told_at = now
            seconds_left = (now - self._model_began) / event.done * (event.of - event.done)
            left = f", about {seconds_left:.0f} s left" if seconds_left else ""
            sys.stderr.write(f"{event.model} – {event.done} of {event.of} instructions{left}\n")


def _progress(comparison: Comparison, event: ColumnEvent) -> None:
    """Tell on stderr where a column stands, when there is something to tell."""
    if event.is_final or event.note:
        told = event.note or event.state
        sys.stderr.write(f"{event.column + 1}. {comparison.columns[event.column].model} – {_plain(told)}\n")


class Printer:
    """Print the columns in order: the first unfinished one as it arrives, a later one once its turn comes."""

    def __init__(self) -> None:
        self._latest: dict[int, ColumnEvent] = {}
        self._turn = 0
        self._characters_written = 0
        self._is_headed = False

    def __call__(self, comparison: Comparison, event: ColumnEvent) -> None:
        self._latest[event.column] = event
        while (current := self._latest.get(self._turn)) is not None:
            self._print(comparison, current)
            if not current.is_final:
                return
            self._turn += 1
            self._characters_written = 0
            self._is_headed = False

    def _print(self, comparison: Comparison, event: ColumnEvent) -> None:
        if event.state == "waiting":
            _progress(comparison, event)
            return
        column = comparison.columns[event.column]
        if not self._is_headed:
            self._is_headed = True
            system = "none, on purpose" if column.system is None else column.system
            _write(f"{event.column + 1}. {column.model}\nSystem message: {system}\n\n")
        _write(event.text[self._characters_written :])
        self._characters_written = len(event.text)
        if event.is_final:
            answered = row(comparison, event)
            ending = f"Failed: {answered['error']}" if "error" in answered else figures(answered)
            _write(f"\n\n[{ending}]\n\n" if event.text else f"[{ending}]\n\n")


def _write(text: str) -> None:
    sys.stdout.write(_plain(text))
    sys.stdout.flush()


def _plain(text: str) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{_plain(sentence)}\n")


def _say(sentence: str) -> None:
    _write(f"{sentence}\n")


_LISTENERS: dict[str, Callable[[bool], Callable[..., None]]] = {
    "compare": lambda as_json: _progress if as_json else Printer(),
    "steer": SteerPrinter,
    "augment": lambda _: _tell,
    "bench": lambda as_json: _tell if as_json else _say,
    "train": lambda _: _tell,
    "merge": lambda _: _tell,
    "publish": lambda as_json: _tell if as_json else _say,
    "finetune-and-publish": lambda as_json: _tell if as_json else _say,
    "resume": lambda _: _tell,
    "stop": lambda _: _tell,
    "jobs": lambda as_json: _tell if as_json else _say,
}
