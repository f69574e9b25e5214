"""What every test stands on: a home of its own, no keys, no telemetry, no network, one thread."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

# Several libraries read these once, when they are imported: set before any test module is.
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "TOKENIZERS_PARALLELISM": "false",
}
_FOREIGN = ("OPENAI_", "HF_TOKEN", "HF_ENDPOINT", "HUGGING_FACE_HUB_TOKEN", "GRADIO_", "SPACE_", "JANUS_HOME")
for _name in [name for name in os.environ if name.startswith(_FOREIGN) and name != "GRADIO_ANALYTICS_ENABLED"]:
    del os.environ[_name]

from tests.fixtures_models import embedded_models_dir  # noqa: E402, F401


@pytest.fixture(autouse=True)
def janus_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an empty $JANUS_HOME of its own."""
    home = tmp_path / "janus-home"
    monkeypatch.setenv("JANUS_HOME", str(home))
    return home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note on each browser test that it is one: its report, which may come from another process, knows no markers."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.user_properties.append(("needs", "browser"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many browser tests ran, and why the others did not: a silent skip would look like a pass."""
    skipped: Counter[str] = Counter()
    ran = 0
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if ("needs", "browser") not in getattr(report, "user_properties", ()):
                continue
            if outcome == "skipped":
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
                skipped[reason.removeprefix("Skipped: ")] += 1
            else:
                ran += 1
    if ran or skipped:
        reasons = "".join(f", {count} skipped: {reason}" for reason, count in skipped.items())
        terminalreporter.write_line(f"browser tests: {ran} ran{reasons}")
