from __future__ import annotations

import json
from pathlib import Path

from data_gen.cleaning import CleaningRules
from data_gen.preferences import DIMENSIONS
from data_gen.records import GrownRecord
from janus_space.job import Job
from janus_space.ui import augment_wording
from janus_space.ui.augment_input import Given

EVIL = "<img src=x onerror=alert(1)>"


def record(**more: object) -> GrownRecord:
    wishes = [{"dimension": name, "subdimension": EVIL, "preference": EVIL, "description": EVIL} for name in DIMENSIONS]
    row = {"preference_set": wishes, "system": EVIL, "prompt": EVIL, "output": EVIL, "set_index": 0}
    return GrownRecord.model_validate(row | {"finish_reason": "stop", "findings": (EVIL,)} | more)


def test_no_foreign_text_is_markup() -> None:
    shown = [
        augment_wording.card(record()),
        augment_wording.found(Given(paste=f"{EVIL}\n{EVIL}").look(CleaningRules())),
        augment_wording.command(["python", "--teacher", EVIL]),
        augment_wording.quarantined([{"prompt": EVIL, "reason": EVIL}]),
    ]
    assert all("<img" not in html and "&lt;img" in html for html in shown)


def test_the_first_instructions_of_a_file_tell_where_they_are_from(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"prompt,dataset,task\nWhy?,{EVIL},history\n")
    shown = augment_wording.found(Given(file=path).look(CleaningRules()))
    assert "Why? <span class='hint'>from &lt;img src=x onerror=alert(1)&gt;, history</span>" in shown


def test_a_card_shows_the_tree_in_the_order_of_its_dimensions() -> None:
    card = augment_wording.card(record(prompt="Why?", system="You are kind.", output="Because."))
    places = [card.index(text) for text in ("Why?", "Style", "Background knowledge", "Informativeness", "Harmlessness")]
    assert places == sorted(places)
    assert card.index("You are kind.") < card.index("Because.")


def job(folder: Path, **progress: object) -> Job:
    (folder / "request.json").write_text(json.dumps({"price_in": 1, "price_out": 1, "budget_usd": 2}))
    facts = {"rows": 3, "rows_wanted": 12, "quarantined": {"response: empty": 1}, "rows_per_s": 2.0, "eta_s": 4}
    lines = [{"event": "estimate", "sentence": "All take 9 answers."}, {"event": "progress", **facts, **progress}]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Job("augment", "one", folder)


def test_figures_say_how_far_it_is_and_what_it_cost(tmp_path: Path) -> None:
    shown = augment_wording.figures(job(tmp_path, spent_usd=0.25, errors={"ChatTimeout": 2}), "running")
    assert "max='12' value='4'" in shown
    for text in (
        "3 of 12",
        "1 response: empty",
        "2.0 rows a second",
        "about 4 s",
        "0.2500 of 2.00 USD",
        "2 ChatTimeout",
    ):
        assert text in shown
    assert "All take 9 answers." in shown
    ended = augment_wording.figures(job(tmp_path), "stopped")
    assert "a second" in ended  # without exit.json nothing says that it has ended in order
    (tmp_path / "exit.json").write_text('{"state": "stopped"}')
    assert "a second" not in augment_wording.figures(job(tmp_path), "stopped")
    assert augment_wording.figures(Job("augment", "x", tmp_path / "nothing"), "queued") == ""


def test_a_long_command_begins_a_line_with_every_flag() -> None:
    shown = augment_wording.command(["python -m janus_space augment", "--teacher", "a", "b", "--rubrics"])
    assert "augment \\\n  --teacher a b \\\n  --rubrics" in shown
