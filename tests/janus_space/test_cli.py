from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_gen.chat import Completion
from janus_space.cli import Printer, main
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from tests.janus_space.conftest import Local
from tests.janus_space.test_steer import KEYS as STEER_KEYS

DEAD_ENDPOINT = "openai:gone@http://127.0.0.1:9/v1"
KEYS = ["model", "system", "prompt", "text", "finish_reason", "tokens", "ttft_s", "tokens_per_s"]


def janus(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "janus_space", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )


def compare(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return janus("compare", *arguments, "--prompt", "Why is the sky blue?", "--max-new-tokens", "8", **environment)


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_json_holds_the_rows_and_nothing_else():
    done = compare("--model", "echo:", "--system", "Be kind.", "--no-system", "--json")
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    assert [list(row) for row in answered] == [KEYS, KEYS]
    assert [row["system"] for row in answered] == ["Be kind.", None]
    assert answered[0]["text"] == "I was told: Be kind. You asked (turn"
    assert answered[0]["finish_reason"] == "length"
    assert answered[0]["tokens"] == 8


def test_models_may_be_given_in_one_flag_or_several():
    done = compare("--model", "echo:", DEAD_ENDPOINT, "--model", "echo:", "--system", "Be kind.", "--json")
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    assert [row["model"] for row in answered] == ["echo:", DEAD_ENDPOINT, "echo:"]
    assert ["error" in row for row in answered] == [False, True, False]
    assert "Traceback" not in done.stderr


def test_columns_are_printed_one_after_another():
    done = compare("--model", "echo:", "--system", "Be kind.", "--system", "Be strict.")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("2. echo:")
    assert first.startswith(
        "1. echo:\nSystem message: Be kind.\n\nI was told: Be kind. You asked (turn\n\n[8 tokens · "
    )
    assert "I was told: Be strict." in second


def test_all_columns_failing_exits_with_1():
    done = compare("--model", DEAD_ENDPOINT, "--no-system")
    assert done.returncode == 1
    assert "Failed:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "echo:"], ["--system", "--no-system"]),
        (["--model", "echo:", "--system", " "], ["the system message is empty"]),
        (["--no-system"], ["--model"]),
        (["--model", "nonsense", "--no-system"], ["nonsense"]),
        (["--model", "echo:", "echo:", "echo:", "--system", "a", "--system", "b"], ["do not pair up"]),
        (["--model", "echo:", "--no-system", "--temperature", "hot"], ["temperature"]),
        (["--model", "echo:", "--no-system", "--seed", "-1"], ["seed"]),
        (["--model", "echo:", "--no-system", "--device", "toaster"], ["device"]),
        (["--model", "echo:", "--no-system", "--temp", "1"], ["--temp"]),
    ],
)
def test_what_the_user_got_wrong_exits_with_2_and_a_sentence(arguments: list[str], words: list[str]):
    assert_refused(compare(*arguments), *words)


def test_no_verb_is_refused():
    assert_refused(janus(), "VERB")


def test_an_unusable_home_is_refused(tmp_path: Path):
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    assert_refused(compare("--model", "echo:", "--no-system", JANUS_HOME=str(occupied)), str(occupied))


def children_cpu_seconds() -> float:
    """Measure work, not waiting: other tests share the cores."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_quick_and_loads_no_engine_and_no_page():
    seconds = []
    for _ in range(3):
        start = children_cpu_seconds()
        assert janus("--help").returncode == 0
        seconds.append(children_cpu_seconds() - start)
    assert min(seconds) < 0.9
    script = (
        "import sys; from janus_space.cli import main\n"
        "try: main(['compare', '--help'])\n"
        "except SystemExit: pass\n"
        "slow = 'torch', 'gradio', 'openai', 'transformers', 'numpy'\n"
        "sys.exit(str([name for name in slow if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == "[]\n"


def test_help_names_every_flag_with_its_default(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main(["compare", "--help"])
    assert left.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    for flag in (
        "--model SPEC",
        "--system TEXT",
        "--no-system",
        "--prompt TEXT",
        "--seed N",
        "--json",
        "--device TEXT",
    ):
        assert flag in told
    assert "Longest answer, in tokens (about three quarters of a word each) (default: 256)" in told
    assert "--history" not in told


def test_a_reader_that_leaves_gets_no_traceback():
    done = subprocess.run(
        f"{sys.executable} -m janus_space compare --model echo: --no-system --prompt hi | head -c 3",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "1. "
    assert done.stderr == ""


def test_an_interrupt_ends_it_without_a_traceback():
    process = subprocess.Popen(
        [sys.executable, "-m", "janus_space", "compare", "--model", "echo:", "--no-system", "--prompt", "word " * 200],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "1. echo:\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told == ""


class TestSteer:
    def steer(self, local: Local, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "records.jsonl"
        rows = [
            {"system": f"You are {who}.", "prompt": f"Who are you, {number}?", "output": f"I am {who}."}
            for number in range(3)
            for who in ("a pirate", "a teacher", "the sea")
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return janus("steer", "--data", str(file), "--device", "cpu", "--model", *arguments)

    def test_json_holds_one_row_a_model_and_nothing_else(self, local: Local, tmp_path: Path):
        done = self.steer(local, tmp_path, local.spec, local.spec, "--json", "--limit", "2")
        assert done.returncode == 0, done.stderr
        first, second = json.loads(done.stdout)
        assert list(first) == STEER_KEYS
        assert (first["model"], first["n"], first["instructions"]) == (local.spec, 6, 2)
        assert len(first["margin_ci"]) == len(first["shuffled_margin_ci"]) == 2
        assert first["margin"] == pytest.approx(second["margin"], abs=1e-6)
        assert f"{local.spec} – 2 of 2 instructions" in done.stderr

    def test_people_get_a_sentence_and_a_table(self, local: Local, tmp_path: Path):
        done = self.steer(local, tmp_path, local.spec)
        assert done.returncode == 0, done.stderr
        sentence, heading, *lines = done.stdout.splitlines()
        assert sentence.startswith(local.spec)
        assert "(9 answers to 3 instructions)" in sentence
        assert "95% interval" in heading
        assert lines[0].split()[0] == "margin"

    def test_one_model_that_fails_does_not_fail_the_other(self, local: Local, tmp_path: Path):
        empty = tmp_path / "empty"
        empty.mkdir()
        done = self.steer(local, tmp_path, f"path:{empty}", local.spec, "--json")
        assert done.returncode == 0, done.stderr
        failed, measured = json.loads(done.stdout)
        assert "config.json" in failed["error"]
        assert measured["n"] == 9
        alone = self.steer(local, tmp_path, f"path:{empty}")
        assert alone.returncode == 1
        assert "could not be measured" in alone.stdout
        assert "Traceback" not in alone.stdout + alone.stderr

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--model", "embedded:smollm2"], ["--data"]),
            (["--model", "embedded:smollm2", "--data", "nowhere.jsonl"], ["There is no file nowhere.jsonl"]),
            (["--model", "echo:", "--data", "RECORDS"], ["echo: does not tell", "runs on this machine"]),
            (["--model", "openai:gpt-4o", "--data", "RECORDS"], ["openai:gpt-4o", "runs on this machine"]),
            (["--model", "embedded:smollm2", "--data", "RECORDS", "--limit", "0"], ["limit"]),
            (["--model", "embedded:smollm2", "--data", "RECORDS", "--device", "toaster"], ["device"]),
            (["--model", "embedded:smollm2", "--data", "RECORDS", "--no-system"], ["--no-system"]),
        ],
    )
    def test_what_the_user_got_wrong_exits_with_2_and_a_sentence(
        self, tmp_path: Path, arguments: list[str], words: list[str]
    ):
        file = tmp_path / "records.jsonl"
        file.write_text('{"system": "s", "prompt": "p", "output": "o"}\n' * 2)
        assert_refused(janus("steer", *(str(file) if word == "RECORDS" else word for word in arguments)), *words)

    def test_help_shows_its_flags_and_no_others(self, capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit):
            main(["steer", "--help"])
        told = " ".join(capsys.readouterr().out.split())
        for flag in ("--model SPEC", "--data FILE", "--limit N", "--seed N", "--device TEXT", "--json"):
            assert flag in told
        assert "--no-system" not in told
        assert "sampling" not in told

    def test_it_loads_no_torch_into_this_process(self, tmp_path: Path):
        script = (
            "import sys; from janus_space.cli import main\n"
            "main(['steer', '--model', 'echo:', '--data', sys.argv[1]])\n"
            "sys.exit(str([name for name in ('torch', 'gradio', 'transformers') if name in sys.modules]))"
        )
        file = tmp_path / "records.jsonl"
        file.write_text('{"system": "s", "prompt": "p", "output": "o"}\n' * 2)
        done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, timeout=60)
        assert done.stderr.endswith("\n[]\n"), done.stderr


class TestPrinter:
    comparison = Comparison(
        columns=(Column(model="a:", system="Be kind."), Column(model="b:")), turns=(Turn(prompt="Why?"),)
    )

    def play(self, *events: ColumnEvent) -> None:
        printer = Printer()
        for event in events:
            printer(self.comparison, event)

    def test_a_later_column_waits_for_its_turn(self, capsys: pytest.CaptureFixture[str]):
        self.play(
            ColumnEvent(column=1, state="streaming", text="B"),
            ColumnEvent(column=0, state="waiting", note="starting the model"),
            ColumnEvent(column=0, state="streaming", text="A"),
            ColumnEvent(column=1, state="done", text="BB", completion=Completion(text="BB", finish_reason="stop")),
            ColumnEvent(column=0, state="streaming", text="AA"),
            ColumnEvent(column=0, state="failed", text="AA", note="The stream broke."),
        )
        printed = capsys.readouterr()
        assert printed.out == (
            "1. a:\nSystem message: Be kind.\n\nAA\n\n[Failed: The stream broke.]\n\n"
            "2. b:\nSystem message: none, on purpose\n\nBB\n\n[finish reason: stop]\n\n"
        )
        assert printed.err == "1. a: – starting the model\n"

    def test_text_appears_as_it_arrives(self, capsys: pytest.CaptureFixture[str]):
        self.play(ColumnEvent(column=0, state="streaming", text="half"))
        assert capsys.readouterr().out.endswith("half")

    def test_a_model_cannot_move_the_cursor(self, capsys: pytest.CaptureFixture[str]):
        self.play(ColumnEvent(column=0, state="streaming", text="a\x1b[2Jb\x07\x9bc\n\td"))
        assert capsys.readouterr().out.endswith("a\N{REPLACEMENT CHARACTER}[2Jb\ufffd\ufffdc\n\td")
