"""Make the README's picture: `python -m tests.browser.screenshot OUT.png [--model SPEC]` runs the opening example."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from janus_space.ui.examples import opening
from tests.browser.conftest import CHROMIUM_FLAGS, ComparePage, find_chromium
from tests.running_app import running_app

ANSWER_TIMEOUT_MS = 600_000  # the first start of a local model converts its weights


def main() -> int:
    """Read the arguments, take the picture, return the exit code."""
    parser = argparse.ArgumentParser(description="Take a picture of the Compare page after the example it opens on.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="echo:", help="which model answers (default: %(default)s)")
    parser.add_argument("--home", type=Path, help="folder for models (default: an empty one)")
    arguments = parser.parse_args()
    executable = find_chromium()
    if executable is None:
        sys.stderr.write("No Chromium was found on PATH: install one to take the picture.\n")
        return 2
    with tempfile.TemporaryDirectory() as empty:
        take(arguments.out, executable, arguments.home or Path(empty), arguments.model)
    return 0


def take(out: Path, executable: str, home: Path, model: str) -> None:
    """Start the app and a browser, run the example it opens on, and keep what is then to be seen."""
    with running_app(home, model=model) as app, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1360}, locale="en-US")
        compare = ComparePage(page, app.url).open()
        page.locator("button.card").filter(has_text=opening(model).title).click()
        for letter in "AB":
            expect(compare.column(letter).locator(".status-line.done")).to_be_visible(timeout=ANSWER_TIMEOUT_MS)
        expect(page.locator("#run")).to_be_enabled()
        page.mouse.move(0, 0)
        page.evaluate("scrollTo(0, 0)")  # the page follows its answers; the picture begins with the message
        page.wait_for_timeout(500)  # colours fade
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
