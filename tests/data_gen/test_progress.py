from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import ClassVar

from data_gen.augment import Grown, Unfinished
from data_gen.echo_teacher import EchoTeacher
from data_gen.hierarchy import Hierarchy
from data_gen.job_folder import JobFolder
from data_gen.open_teacher import OpenTeacher
from data_gen.progress import Progress, in_a_sentence, watch
from tests.data_gen.test_export import QUARANTINED
from tests.sample_records import siblings

ECHO = EchoTeacher(Hierarchy(dimensions=()))


class Told(OpenTeacher):
    """A teacher that remembers the wish to stop."""

    is_stopped = False
    pauses: ClassVar[list[bool]] = []

    def stop(self) -> None:
        self.is_stopped = True

    def pause(self, is_wished: bool) -> None:
        self.pauses.append(is_wished)


def counted() -> Progress:
    progress = Progress(10)
    for record in siblings("a"):
        progress.count(Grown(record))
    progress.count(QUARANTINED[0])
    return progress


def test_outcomes_are_counted() -> None:
    progress = counted()
    facts = progress.facts(OpenTeacher(ECHO))
    assert (facts["rows"], facts["rows_wanted"], facts["quarantined"]) == (3, 10, {"response: failed": 1})
    assert facts["eta_s"] is not None
    assert in_a_sentence(facts).startswith("3 of 10 rows, 1 quarantined")
    progress.count(Unfinished("no money left"))
    assert progress.facts(OpenTeacher(ECHO))["eta_s"] is None


def test_money_and_errors_are_told() -> None:
    facts = counted().facts(OpenTeacher(ECHO)) | {"spent_usd": 0.5, "errors": {"ChatTimeout": 2}, "eta_s": None}
    assert in_a_sentence(facts) == "3 of 10 rows, 1 quarantined, 0.5000 USD spent, errors: 2 ChatTimeout"


def test_the_watch_tells_figures_and_the_newest_row_and_passes_on_the_wish_to_stop(tmp_path: Path) -> None:
    async def watched() -> Told:
        progress, folder, teacher = Progress(10), JobFolder(tmp_path), Told(ECHO)
        progress.count(Grown(siblings("a")[0]))
        task = asyncio.create_task(watch(progress, folder, teacher))
        await asyncio.sleep(1.2)
        assert not teacher.is_stopped
        (tmp_path / "stop").touch()
        (tmp_path / "pause").touch()
        await asyncio.sleep(1.0)
        task.cancel()
        return teacher

    assert asyncio.run(watched()).is_stopped
    assert Told.pauses == [False, True]
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["progress", "row", "progress"]
    assert events[1]["row"]["system"] == siblings("a")[0].system
