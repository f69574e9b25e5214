"""A real Chromium on the real app; without a browser these tests say so and skip."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Locator, Page, expect, sync_playwright

from tests.running_app import running_app

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
]
PATIENCE_MS = 15_000


class ComparePage:
    """The Compare page as a visitor sees it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, query: str = "") -> ComparePage:
        self.page.goto(f"{self.url}/{query}")
        expect(self.button("Run")).to_be_visible(timeout=30_000)
        expect(self.page.locator("#machine p, #machine li").first).to_be_visible(timeout=PATIENCE_MS)
        return self

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True).first

    def unfold(self, name: str, within: Locator | None = None) -> None:
        """Open a drawer; the arrow beside its title counts as part of its name."""
        (within or self.page.locator("#compare")).get_by_role("button", name=name).first.click()

    @property
    def prompt(self) -> Locator:
        return self.page.get_by_label("Ask something")

    def column(self, letter: str) -> Locator:
        return self.page.locator(f".column-{letter.lower()}")

    def system(self, letter: str) -> Locator:
        return self.column(letter).get_by_label("How should the assistant behave?")

    def model(self, letter: str) -> Locator:
        return self.column(letter).get_by_label("Model")

    def answer(self, letter: str) -> Locator:
        return self.column(letter).locator(".bot-row .message-content").last

    def status(self, letter: str) -> Locator:
        return self.column(letter).locator(".status-line")

    def choose(self, label: str) -> None:
        self.page.get_by_text(label, exact=True).first.click()

    def ask(self, prompt: str) -> None:
        self.prompt.fill(prompt)
        self.button("Run").click()

    def wait_until_finished(self, *letters: str) -> None:
        for letter in letters or ("A", "B"):
            expect(self.status(letter)).to_contain_text("finished", timeout=PATIENCE_MS)


def find_chromium() -> str | None:
    """Find the machine's own browser; Playwright's would be a download."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("home")) as app:
        yield app.url


# Not for the session: Playwright keeps an event loop running, in which the other tests' asyncio.run would fail.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(CHROMIUM_NAMES)} is on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def compare(context: BrowserContext, app_url: str) -> Iterator[ComparePage]:
    """Open the page; afterwards fail if the browser complained about anything."""
    page = context.new_page()
    complaints = watch(page)
    yield ComparePage(page, app_url).open()
    assert complaints == []


def watch(page: Page) -> list[str]:
    """Collect what goes wrong in a page: exceptions, and errors on its console."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # A rejected validator answers 422, which the browser reports as an error; the page means it.
        if message.type == "error" and "422" not in message.text:
            complaints.append(message.text)

    def on_leaving(frame: Frame) -> None:
        # When a page is left, Gradio aborts its streams, and its own client complains of one that had not begun.
        if frame == page.main_frame:
            complaints[:] = [
                told for told in complaints if not (told.startswith("AbortError") or "errored out" in told)
            ]

    page.on("console", on_console)
    page.on("framenavigated", on_leaving)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """Stand for a stranger's server: its address, and what was asked of it."""
    asked: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Canary) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """Where screenshots go: $JANUS_SCREENSHOTS for people who want to look at them."""
    folder = Path(os.environ.get("JANUS_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
