"""The Benchmark tab as a person uses it: a benchmark and its fields, a run, the table, every verdict, an export."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS, watch
from tests.endpoint import Endpoint, endpoint
from tests.judge import ScriptedJudge, steady
from tests.running_app import running_app

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]

LONG_MS = 60_000


class BenchTab:
    """The tab as a person sees it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def open(self) -> BenchTab:
        self.page.goto(self.url)
        tab = self.page.get_by_role("tab", name="Benchmark")
        more = self.page.get_by_role("button", name="More tabs")
        expect(tab.or_(more).first).to_be_visible(timeout=LONG_MS)
        if not tab.is_visible():
            more.click()
            tab = self.page.locator(".overflow-dropdown").get_by_role("button", name="Benchmark")
        tab.click()
        expect(self.page.locator("#benchmark-start")).to_be_visible(timeout=LONG_MS)
        return self

    @property
    def command(self) -> Locator:
        return self.page.locator("#benchmark-command")

    @property
    def headline(self) -> Locator:
        return self.page.locator("#bench-headline")

    def choose(self, bench: str) -> None:
        self.page.locator("#benchmark-name").get_by_text(bench, exact=True).click()

    def measure(self, spec: str) -> None:
        """Let this model be the only one that is measured."""
        box = self.page.locator("#benchmark-models input")
        box.press("Backspace")
        box.fill(spec)
        box.press("Enter")
        expect(self.command).to_contain_text(f"--model {spec}", timeout=PATIENCE_MS)

    def judge(self, spec: str) -> None:
        box = self.page.locator("#benchmark-judge input")
        box.fill(spec)
        box.press("Enter")
        expect(self.command).to_contain_text(f"--judge {spec}", timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def app_url(home: Path) -> Iterator[str]:
    with running_app(home) as app:
        yield app.url


@pytest.fixture(scope="module")
def served() -> Iterator[Endpoint]:
    with endpoint(ScriptedJudge(steady(), noise_sd=0.3)) as served:
        yield served


@pytest.fixture
def tab(context: BrowserContext, app_url: str) -> Iterator[BenchTab]:
    page = context.new_page()
    complaints = watch(page)
    yield BenchTab(page, app_url).open()
    assert complaints == []


def test_from_a_quick_look_to_the_table_its_verdicts_and_an_export(
    tab: BenchTab, served: Endpoint, home: Path, picture_folder: Path
) -> None:
    page = tab.page
    model, judge = f"openai:m@{served.url}", f"openai:j@{served.url}"
    tab.measure(model)
    tab.judge(judge)
    page.get_by_label("Name of the job").fill("first-look")
    expect(tab.command).to_contain_text("--out first-look", timeout=PATIENCE_MS)
    page.screenshot(path=picture_folder / "bench-form.png", full_page=True)
    page.locator("#benchmark-quick").click()
    table = page.locator("#benchmark-table")
    expect(table.locator("tr.ours")).to_contain_text(model, timeout=LONG_MS)
    expect(tab.headline).to_contain_text("Finished")
    assert 2.5 < float(table.locator("tr.ours td").nth(1).inner_text().split()[0]) < 4.5
    expect(table.locator("tr.published").first).to_be_visible()
    answers = page.locator("#benchmark-answers")
    expect(answers.locator("article.judged h4")).to_have_text(model)
    expect(answers.locator(".verdicts")).to_contain_text("As I see it.")
    first = answers.locator(".asked").inner_text()
    page.locator("#benchmark-question input").click()
    page.get_by_role("option").nth(1).click()
    expect(answers.locator(".asked")).not_to_have_text(first, timeout=PATIENCE_MS)
    page.locator("#benchmark-results").get_by_role("button", name="Markdown").click()
    expect(page.locator("#benchmark-export")).to_contain_text(f"| {model} | 6 |", timeout=PATIENCE_MS)
    page.screenshot(path=picture_folder / "bench-results.png", full_page=True)
    assert (home / "jobs/bench/first-look/report.json").is_file()


def test_a_benchmark_shows_the_fields_that_it_uses(tab: BenchTab, picture_folder: Path) -> None:
    page = tab.page
    judge, hidden = page.locator("#benchmark-judge"), page.locator("#field-hide-system")
    page.locator("#benchmark-form").get_by_role("button", name="More").click()
    expect(hidden).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#field-references")).to_be_hidden()
    tab.choose("MT-Bench")
    expect(page.locator("#field-references")).to_be_visible(timeout=PATIENCE_MS)
    expect(hidden).to_be_hidden()
    expect(judge).to_be_visible()
    tab.choose("Winogender")
    expect(judge).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator("#field-runs")).to_be_hidden()
    expect(page.locator("#field-limit")).to_be_visible()
    expect(tab.command).not_to_contain_text("--judge", timeout=PATIENCE_MS)
    tab.choose("Toxicity")
    expect(page.locator("#field-scorer")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#field-max-new-tokens")).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    page.screenshot(path=picture_folder / "bench-phone.png", full_page=True)


@pytest.mark.proof
@pytest.mark.real_model
@pytest.mark.timeout(1800)
def test_a_quick_look_at_the_embedded_models_judged_by_one_of_them(
    chromium: Browser, tmp_path: Path, picture_folder: Path
) -> None:
    context = chromium.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(LONG_MS)
    page = context.new_page()
    complaints = watch(page)
    with running_app(tmp_path / "home", model="embedded:smollm2") as app:
        tab = BenchTab(page, app.url).open()
        models = page.locator("#benchmark-models input")
        models.fill("embedded:janus-135m")
        models.press("Enter")
        expect(tab.command).to_contain_text("embedded:smollm2 embedded:janus-135m", timeout=PATIENCE_MS)
        expect(tab.command).to_contain_text("--judge embedded:smollm2")
        page.get_by_label("Name of the job").fill("embedded")
        expect(tab.command).to_contain_text("--out embedded", timeout=PATIENCE_MS)
        page.screenshot(path=picture_folder / "bench-embedded-form.png", full_page=True)
        began = time.monotonic()
        page.locator("#benchmark-quick").click()
        expect(tab.headline).to_contain_text("Finished", timeout=1_500_000)
        seconds = time.monotonic() - began
        expect(page.locator("#benchmark-table tr.ours")).to_have_count(2, timeout=LONG_MS)
        expect(page.locator("#benchmark-answers article.judged")).to_have_count(2)
        page.screenshot(path=picture_folder / "bench-embedded.png", full_page=True)
        context.close()  # before the app ends, which would cut the page's streams
    folder = tmp_path / "home/jobs/bench/embedded"
    report = json.loads((folder / "report.json").read_text("utf-8"))
    judgements = [json.loads(line) for line in (folder / "judgements.jsonl").read_text("utf-8").splitlines()]
    sys.stdout.write(f"{seconds:.0f} s, {len(judgements)} judgements\n{json.dumps(report, indent=1)}\n")
    assert [row["model"] for row in report["rows"]] == ["embedded:smollm2", "embedded:janus-135m"]
    assert [row["unanswered"] for row in report["rows"]] == [0, 0]
    assert [row["unscored"] for row in report["rows"]] == [0, 0]
    assert {row["score"] for row in judgements} <= {1, 2, 3, 4, 5}
    assert len(judgements) == 2 * (6 + 2) * 4 + 12
    assert seconds < 300
    assert complaints == []
