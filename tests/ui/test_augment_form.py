from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from data_gen.instructions import Columns
from janus_space.augment_order import AugmentJob
from janus_space.devices import Machine
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui.augment_form import KNOBS, LABELS, MORE_KNOBS, AugmentForm, build_form
from janus_space.ui.augment_input import Given
from janus_space.ui.house import House
from janus_space.votes import VoteBox

MAPPING = ("q", None, "from", None, "")
"""What the fields of the columns hold: the last was emptied by hand."""
MAPPED = Columns(prompt_column="q", main_source_column="from")


def filled(**more: object) -> AugmentForm:
    return AugmentForm(Given(paste="One?"), "openai:m@http://127.0.0.1:1/v1", "my job", dict(more))


def test_the_form_as_laid_out_reads_as_the_requests_defaults(janus_home: Path) -> None:
    home = Home.at(janus_home)
    house = House(Models(home, EnginePool(home)), lambda: Machine(8, 8), "echo:", VoteBox(home.votes_file))
    with gr.Blocks():
        view = build_form(house)
    form = AugmentForm.of_values([field.value for field in view.fields])
    assert form.given.is_empty
    assert form.request("x.txt") == AugmentJob(instructions="x.txt", teacher=("echo:",))
    assert LABELS.keys() == {*KNOBS, *MORE_KNOBS}
    assert view.key.type == "password"
    assert view.key not in view.fields


def test_what_is_wrong_is_said_in_the_words_of_the_form() -> None:
    with pytest.raises(BadRequest, match="give “Price of a prompt” and “Price of an answer”"):
        filled(budget_usd="1").request("x.txt")
    with pytest.raises(BadRequest, match=r"“Budget in USD”: .*number"):
        filled(budget_usd="much").request("x.txt")
    with pytest.raises(BadRequest, match="The teacher"):
        AugmentForm(Given(), " ", "", {}).request("x.txt")


def test_the_command_says_the_same() -> None:
    words = filled(sets=5, budget_usd="2", price_in="1", price_out="1").command()
    assert words[1:5] == ["--instructions", "paste.txt", "--teacher", "openai:m@http://127.0.0.1:1/v1"]
    assert words[5:7] == ["--sets", "5"]
    assert words[-2:] == ["--out", "'my job'"]


def test_columns_are_in_the_request_and_in_the_command() -> None:
    form = AugmentForm(Given(file=Path("y.csv"), columns=Columns(prompt_column="q", more_column="")), "echo:", "", {})
    request = form.request("y.csv")
    assert (request.prompt_column, request.more_column, request.main_source_column) == ("q", "", None)
    words = form.command()
    assert words[words.index("--prompt-column") : words.index("--out")] == [
        "--prompt-column",
        "q",
        "--more-column",
        "''",
    ]


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("paste", Given(paste="One?")),
        ("file", Given(file=Path("/x/y.csv"), columns=MAPPED.model_copy(update={"id_column": ""}))),
        ("hub", Given(hub="hub:org/name", columns=MAPPED)),
        ("nonsense", Given(paste="One?")),
    ],
)
def test_only_the_chosen_source_counts(source: str, given: Given) -> None:
    rest = [AugmentJob.model_fields[name].default for name in (*KNOBS, *MORE_KNOBS)]
    form = AugmentForm.of_values([source, "One?", "/x/y.csv", " hub:org/name ", *MAPPING, "echo:", "", *rest])
    assert form.given == given
