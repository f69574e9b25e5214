"""The faces: command line, named endpoints and README offer the verbs of `verbs.py`, by the same names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from janus_space.verbs import VERBS
from tests.contracts.tree import ROOT


def janus(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "janus_space", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_the_table_names_each_verb_as_it_is_called() -> None:
    assert all(name == verb.name for name, verb in VERBS.items())


def test_the_command_line_offers_every_verb_and_no_other() -> None:
    refused = janus("no-such-verb")
    assert refused.returncode == 2
    offered = re.search(r"choose from ([^)]*)", refused.stderr)
    assert offered is not None, refused.stderr
    assert set(re.findall(r"[\w-]+", offered[1])) == VERBS.keys()


def test_every_verb_explains_its_flags() -> None:
    for verb in VERBS.values():
        explained = janus(verb.name, "--help")
        assert explained.returncode == 0, explained.stderr
        assert verb.summary in " ".join(explained.stdout.split())


def test_the_page_offers_every_verb_as_a_named_endpoint_and_no_other(janus_home: Path) -> None:
    from janus_space.engine.process import EnginePool
    from janus_space.home import Home
    from janus_space.models import Models
    from janus_space.ui.page import build

    home = Home.at(janus_home)
    endpoints = build(Models(home, EnginePool(home))).get_api_info()["named_endpoints"]
    assert endpoints.keys() == {f"/{name}" for name in VERBS}
    for name, verb in VERBS.items():
        parameters = {parameter["parameter_name"] for parameter in endpoints[f"/{name}"]["parameters"]}
        assert parameters == verb.request.model_fields.keys()


def test_the_readme_lists_every_verb_and_no_other() -> None:
    section = (ROOT / "README.md").read_text("utf-8").split("| verb | does |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)", section, re.MULTILINE)) == VERBS.keys()
