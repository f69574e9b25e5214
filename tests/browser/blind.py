"""The blind test: read every byte that a browser receives before the vote, and find nothing that tells who is who.

    python -m tests.browser.blind --rounds 20

The two models could hardly be easier to tell apart: `echo:`, and an `openai:` one of a telling name, at an endpoint of
the tests' own that answers much more slowly. What may tell is what an answer itself says, and the visitor's own form,
which stands in an order of its own: it is read apart, and must be the same whatever the order of the answers is.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.browser.conftest import CHROMIUM_FLAGS, PATIENCE_MS, ComparePage, find_chromium
from tests.browser.relay import Relay, relay
from tests.endpoint import endpoint, says
from tests.running_app import running_app

ANSWER = "The air scatters short waves best, so that light of that colour comes to the eye from everywhere above. " * 2
SYSTEM = "Explain with patience."
QUESTION = "Why is the sky blue?"
# All of a column but its answer: names, addresses, speed, what was sent, where the form has it.
FINGERPRINTS = (
    *("kestrel", "openai", "/v1", "echo:", "Echo", f"system: {SYSTEM}", "system_role", "ttft", "first token"),
    *("tokens", "waiting", "starting", "connecting", "Conversation A", "Conversation B", "was 1", "was 2"),
)
LOCKED_EVENTS = (
    "share",
    "highlight",
    "export_markdown",
    "export_json",
    "export_python",
    "retry_a",
    "retry_b",
    "influence_a",
    "influence_b",
)
REFUSAL = "This opens with your vote"


@dataclass(frozen=True)
class Round:
    """One comparison that was asked blind: what was found before the vote, and who was who after it."""

    leaks: list[str]
    form: str
    answers: list[str]
    """As they were shown, by place."""
    shown: tuple[str, ...]
    """After the vote: the letter of the form's column behind each place."""
    n_bytes: int


class BlindVisitor:
    """A visitor with a page of two models, and all that the page receives."""

    def __init__(self, page: Page, between: Relay, slow_model: str) -> None:
        self.page, self.between = page, between
        self.session = ""
        self.events: list[dict[str, Any]] = []
        page.on("request", self._remember_session)
        self.compare = ComparePage(page, between.url).open()
        with urllib.request.urlopen(f"{between.url}/config", timeout=20) as answer:
            self.config = json.load(answer)
        self.compare.choose("Same instructions, different models")
        page.locator("#shared-system textarea").fill(SYSTEM)
        self.compare.model("A").fill(slow_model)
        self.compare.model("A").press("Enter")
        self.compare.ask(QUESTION)  # in the open, and so that the page has all its scripts
        self.compare.wait_until_finished()
        self.open_leaks = fingerprints(self._look(), [])
        self.again()
        page.get_by_label("Hide which is which").check()

    def round(self, choice: int) -> Round:
        """Ask, read all that comes, knock at every locked door, vote, and see who was who."""
        page = self.page
        self.between.received.clear()
        self.compare.ask(QUESTION)
        seen = [self._look()]
        while "finished" not in page.locator("#columns").inner_text():
            seen.append(self._look())
            page.wait_for_timeout(150)
        expect(page.locator("#vote")).to_contain_text("Which answer is better?", timeout=PATIENCE_MS)
        self._knock()
        received = bytes(self.between.received).decode(errors="replace")
        seen += [self._look(), received]
        answers = [one.inner_text() for one in page.locator(".bot-row .message-content").all()]
        leaks = [leak for text in seen for leak in fingerprints(text, answers)]
        if received.count(REFUSAL) < len(LOCKED_EVENTS):
            leaks.append(f"only {received.count(REFUSAL)} of {len(LOCKED_EVENTS)} events were refused")
        if "content-encoding" in received.lower():
            leaks.append("something came compressed and could not be read")
        form = self._form()
        page.locator(f"#vote-{choice}").click()
        expect(page.locator("#vote")).to_contain_text("You chose", timeout=PATIENCE_MS)
        shown = tuple(re.findall(r"\d was ([A-D])", page.locator("#vote").inner_text()))
        return Round(leaks, form, answers, shown, len(received))

    def again(self) -> None:
        """Begin a new conversation: the columns of the old one are known."""
        self.compare.button("New conversation").click()
        expect(self.page.locator("#vote")).to_be_hidden()

    def _look(self) -> str:
        """Take the page as it stands, without the form's own fields and the list of all models."""
        script = """() => {
          const copy = document.querySelector("#compare").cloneNode(true);
          const form = ".own-model, .own-system, #switches, #shared-system, #ask, .drawer, #examples, #differences";
          for (const part of copy.querySelectorAll(form)) part.remove();
          return document.title + copy.outerHTML;
        }"""
        return str(self.page.evaluate(script))

    def _form(self) -> str:
        fields = self.page.locator("#switches, #shared-system, .own-model, .own-system").locator("input, textarea")
        return str(fields.evaluate_all("all => JSON.stringify(all.map(one => [one.value, one.checked]))"))

    def _knock(self) -> None:
        """Post what the page offers only after the vote, as a script in this visitor's session would."""
        values = {component["id"]: component["props"].get("value") for component in self.config["components"]}
        for event in self.config["dependencies"]:
            if event["api_name"] not in LOCKED_EVENTS:
                continue
            data = [values.get(one) for one in event["inputs"]]
            order = {"data": data, "fn_index": event["id"], "session_hash": self.session}
            body, head = json.dumps(order).encode(), {"Content-Type": "application/json"}
            root = f"{self.between.url}/gradio_api/queue"
            urllib.request.urlopen(urllib.request.Request(f"{root}/join", body, head), timeout=20).read()
            urllib.request.urlopen(f"{root}/data?session_hash={self.session}", timeout=20).read()

    def _remember_session(self, request: Request) -> None:
        if "/queue/join" in request.url:
            self.session = request.post_data_json["session_hash"]


def fingerprints(text: str, answers: Sequence[str]) -> list[str]:
    """Find what tells one model from another, outside the answers' own words."""
    for answer in answers:
        text = _without(text, answer)
    return [f"{mark!r} in {text[max(0, at - 80) : at + 80]!r}" for mark in FINGERPRINTS if (at := text.find(mark)) >= 0]


def _without(text: str, answer: str) -> str:
    """Take out the answer wherever it stands, also as far as it had come by then."""
    kept = ""
    while (at := text.find(answer[:8])) >= 0:
        kept, text = kept + text[:at], text[at:]
        said = next((size for size, (one, other) in enumerate(zip(text, answer, strict=False)) if one != other), None)
        text = text[said or len(answer) :]
    return kept + text


@contextmanager
def blind_visitor(browser: Browser, home: Path) -> Iterator[BlindVisitor]:
    """Start the app, the slow model and the relay, and open a page of their visitor's."""
    slow = says(ANSWER, words_per_second=20, seconds_before=0.4)
    with endpoint(slow) as there, running_app(home) as app, relay(app.url) as between:
        headers = {"Accept-Encoding": "identity"}
        context = browser.new_context(
            locale="en-US", extra_http_headers=headers, viewport={"width": 1280, "height": 900}
        )
        yield BlindVisitor(context.new_page(), between, f"openai:kestrel-9000@{there.url}")
        context.close()


def main() -> int:
    """Read the arguments, ask so many rounds, return 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Read every byte that a browser receives before a blind vote.")
    parser.add_argument("--rounds", type=int, default=10)
    n_rounds = parser.parse_args().rounds
    executable = find_chromium()
    if executable is None:
        sys.stderr.write("No Chromium was found on PATH: install one to run the blind test.\n")
        return 2
    n_leaks = 0
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        with blind_visitor(browser, Path(home)) as visitor:
            for number in range(n_rounds):
                one = visitor.round(choice=1 + number % 2)
                sys.stdout.write(
                    f"round {number + 1}: {one.n_bytes:,} bytes, 1 was {one.shown[0]}, leaks: {one.leaks or 'none'}\n"
                )
                n_leaks += len(one.leaks)
                visitor.again()
        browser.close()
    return 1 if n_leaks else 0


if __name__ == "__main__":
    sys.exit(main())
