"""Files of this machine, of other visitors and of the house: asked for by every name that a stranger can think of."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from janus_space.engine.process import EnginePool
from janus_space.errors import SpaceError
from janus_space.home import Home
from janus_space.jobs import Jobs
from janus_space.models import Models
from janus_space.share import from_code
from tests.running_app import ROOT, RunningApp
from tests.security.attacker import TRIED, Attacker, events_of, values_of
from tests.security.conftest import SPACE_HOST, session_cookie, visitor_of
from trainer.errors import TrainerError

pytestmark = pytest.mark.xdist_group("security")  # one worker, so that the apps are started once

TARGETS = ["/etc/passwd", "/proc/self/environ", str(ROOT / "pyproject.toml"), str(Path.home() / ".bashrc")]
DISGUISES = [
    "{}",
    "/{}",
    "file://{}",
    "../../../../../../../..{}",
    "..%2f..%2f..%2f..%2f..{}",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e{}",
    "....//....//....//..{}",
    "\\..\\..\\..{}",
    "./{}",
    "//localhost{}",
    "C:{}",
    "{}%00.png",
    "{}/.",
]
EVIL_NAMES = [
    "..", "../..", "../../etc", "/etc", "//etc", "a/../..", "~", "~root", "C:\\", "..\\..", "con", ".", "", " ",
    "a\0b", "%2e%2e", "\u202egnp.exe", "x" * 300, "train/../../x", "-rf", "$(touch x)", ";touch x", "file:///etc",
]  # fmt: skip


def test_no_file_of_this_machine_is_served_under_any_disguise(space: RunningApp) -> None:
    people = [visitor_of(space), Attacker(space.url, {"Cookie": session_cookie("author")}, SPACE_HOST)]
    for target in TARGETS:
        for disguise in DISGUISES:
            for person in people:
                TRIED["path"] += 1
                path = quote(disguise.format(target), safe="/%:.\\~")
                reply = person.ask("GET", f"/gradio_api/file={path}")
                assert reply.status in (400, 403, 404), (disguise, target, reply.status)
                assert b"root:" not in reply.body
                assert b"[project]" not in reply.body


@pytest.mark.parametrize("route", ["static", "assets", "theme.css", "gradio_api/file"])
def test_no_other_route_climbs_out_of_its_folder(space: RunningApp, route: str) -> None:
    for climb in ("../../../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd"):
        TRIED["path"] += 1
        reply = visitor_of(space).ask("GET", f"/{route}/{climb}")
        assert b"root:" not in reply.body, (route, climb, reply.status)


def test_no_name_of_a_job_leads_out_of_the_home(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "request.json").write_text("{}")
    jobs = Jobs(Home.at(tmp_path / "home"))
    for name in [*EVIL_NAMES, "../outside", "train/../../outside", "../../outside"]:
        TRIED["name"] += 1
        try:
            folder = jobs.new_folder("train", name)
        except SpaceError:
            continue
        assert folder.resolve().is_relative_to(jobs.folder.resolve()) if hasattr(jobs, "folder") else True
        assert folder.resolve().is_relative_to((tmp_path / "home").resolve()), name


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_a_stranger_names_no_folder_as_a_model(tmp_path: Path, name: str) -> None:
    models = Models(Home.at(tmp_path), EnginePool(Home.at(tmp_path)), hosted=True)
    for spec in (f"path:{name}", f"job:{name}", f"embedded:smollm2+{name}", f"hf:{name}", f"hf:a/b+{name}"):
        TRIED["name"] += 1
        with pytest.raises((SpaceError, TrainerError)):
            models.chat_model(spec)


def test_a_file_sent_in_place_of_a_text_is_not_read(space: RunningApp) -> None:
    """Whatever a component takes, a path in the shape of an upload is not a way to a file of the house."""
    config = visitor_of(space).config()
    stolen = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}, "orig_name": "x.txt"}
    for number, name in enumerate(["compose_import", "export_json", "share", "open_page"]):
        TRIED["path"] += 1
        event = events_of(config)[name]
        visitor = visitor_of(space, f"198.41.3.{number}")
        outcome = visitor.trigger(event, [stolen for _ in values_of(config, event)], f"thief{number}")
        assert "root:" not in json.dumps(outcome)


@pytest.mark.parametrize(
    "code", ["", "1", "1x", "2abc", "1" + "A" * 9000, "1eJw", "1../../etc/passwd", "1%00", "1\u202e"]
)
def test_a_share_link_is_a_comparison_or_refused(code: str) -> None:
    TRIED["link"] += 1
    with pytest.raises(SpaceError):
        from_code(code)
