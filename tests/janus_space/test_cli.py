from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_gen.chat import Completion
from janus_space.cli import Printer, main
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn

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


def test_help_is_quick_and_loads_no_engine_and_no_page():
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert janus("--help").returncode == 0
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1
    script = (
        "import sys; from janus_space.cli import main\n"
        "try: main(['compare', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(str([name for name in ('torch', 'gradio', 'openai', 'transformers') if name in sys.modules]))"
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
