"""The Train tab as a person uses it: from a dataset to a model that answers in the next column."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from janus_space.home import Home
from janus_space.jobs import Jobs
from janus_space.ui.augment import begin
from janus_space.ui.augment_form import AugmentForm
from janus_space.ui.augment_input import Given
from janus_space.ui.visitor_keys import VisitorKeys
from tests.browser.conftest import PATIENCE_MS, watch
from tests.browser.test_page import BASELINE_FILE, axe_findings
from tests.janus_space.job_doubles import ended
from tests.running_app import running_app
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import dataset_folder, sft_rows, write_jsonl

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(400)]

LONG_MS = 120_000


class TrainTab:
    """The tab as a person sees it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def open(self) -> TrainTab:
        self.page.goto(self.url)
        self.page.get_by_role("tab", name="Train").click()
        expect(self.page.locator("#train-start")).to_be_visible(timeout=PATIENCE_MS)
        expect(self.config).to_contain_text("method: sft", timeout=PATIENCE_MS)
        return self

    def come_back(self) -> TrainTab:
        """Go to another tab and back, so that the jobs are listed anew.

        A reload would cut Gradio's client off from events that have just begun, and it complains of its own AbortError.
        """
        for name in ("Compare", "Train"):
            self.page.get_by_role("tab", name=name).click()
        expect(self.page.locator("#train-jobs [data-key='written']")).to_be_visible(timeout=PATIENCE_MS)
        return self

    @property
    def config(self) -> Locator:
        return self.page.locator("#train-config")

    @property
    def headline(self) -> Locator:
        return self.page.locator("#train-headline")

    def choose(self, field: str, value: str, shown: str | None = None) -> None:
        """Type a value into a list, and wait until the config has it."""
        box = self.page.locator(f"#train-{field} input")
        box.fill(value)
        box.press("Enter")
        expect(self.config).to_contain_text(shown or value, timeout=PATIENCE_MS)

    def set(self, field: str, value: str) -> None:
        self.page.locator(f"#train-{field}").locator("input, textarea").first.fill(value)
        expect(self.config).to_contain_text(value, timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    dataset_folder(home / "datasets" / "voices")
    return home


@pytest.fixture(scope="module")
def app_url(home: Path) -> Iterator[str]:
    with running_app(home) as app:
        yield app.url


@pytest.fixture
def tab(context: BrowserContext, app_url: str) -> Iterator[TrainTab]:
    page = context.new_page()
    complaints = watch(page)
    yield TrainTab(page, app_url).open()
    assert complaints == []


@pytest.mark.proof
def test_from_a_dataset_to_a_column(tab: TrainTab, model: Path, home: Path, picture_folder: Path) -> None:
    page = tab.page
    page.locator("#train-dataset input").click()
    page.get_by_role("option", name="voices").click()
    expect(tab.config).to_contain_text("datasets/voices", timeout=PATIENCE_MS)
    tab.choose("model", f"path:{model}")
    tab.set("max-steps", "30")
    tab.set("learning-rate", "0.01")
    tab.set("name", "first-run")
    page.screenshot(path=picture_folder / "train-form.png", full_page=True)
    page.locator("#train-xray").click()
    expect(page.locator("#train-found")).to_contain_text("36 rows can be trained on", timeout=LONG_MS)
    rows = page.locator("#train-rows")
    expect(rows.locator("mark.system").nth(1)).to_contain_text("Answer like a pirate", timeout=LONG_MS)
    expect(rows.locator(".xray mark.answer").first).to_contain_text("Arr! The sky be mine")
    expect(rows).to_contain_text("The system message has a turn of its own.")
    rows.scroll_into_view_if_needed()
    page.screenshot(path=picture_folder / "train-xray.png")
    expect(page.locator("#train-devices")).to_contain_text("No GPU is attached")
    page.locator("#train-measure").click()
    expect(page.locator("#train-estimated")).to_contain_text("Measuring", timeout=PATIENCE_MS)
    expect(page.locator("#train-estimated")).to_contain_text("It fits.", timeout=LONG_MS)
    expect(page.locator("#train-estimated")).to_contain_text("30, each 0.")
    page.screenshot(path=picture_folder / "train-estimated.png", full_page=True)
    page.locator("#train-start").click()
    expect(page.locator("#train-work .job h3")).to_contain_text("first-run", timeout=LONG_MS)
    expect(tab.headline).to_contain_text("Finished", timeout=LONG_MS)
    work = page.locator("#train-work")
    expect(work.get_by_role("img", name="Loss: loss")).to_be_visible(timeout=PATIENCE_MS)
    expect(work.get_by_role("img", name="Steerability margin")).to_be_visible()
    expect(work).to_contain_text("30 of 30")
    expect(work.locator(".curves polyline")).to_have_count(4)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=picture_folder / "train-finished.png")
    assert json.loads((home / "jobs/train/first-run/exit.json").read_text())["state"] == "done"
    expect(work).to_contain_text("What was saved says what was trained: 20 prompts")
    page.locator("#train-merge").click()
    expect(page.locator("#train-merged")).to_contain_text("20 stored answers are as likely to it as", timeout=LONG_MS)
    expect(page.locator("#train-merge")).to_be_hidden()
    page.locator("#train-merged").scroll_into_view_if_needed()
    page.screenshot(path=picture_folder / "train-merged.png")
    page.locator("#train-try").click()
    expect(page.locator("#run")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".column-b").get_by_label("Model")).to_have_value("job:first-run", timeout=PATIENCE_MS)
    expect(page.locator(".column-a").get_by_label("Model")).to_have_value(f"path:{model}")
    page.get_by_label("Ask something").fill("Tell me why the sky is as it is.")
    page.locator("#run").click()
    for letter in "ab":
        expect(page.locator(f".column-{letter} .status-line")).to_contain_text("tokens", timeout=LONG_MS)
    page.screenshot(path=picture_folder / "train-tried.png")
    answers = [page.locator(f".column-{letter} .bot-row .message-content").last.inner_text() for letter in "ab"]
    assert answers[0] != answers[1]


def test_a_file_with_bad_rows_names_them_and_starts_nothing(
    tab: TrainTab, model: Path, home: Path, tmp_path: Path
) -> None:
    rows = sft_rows()
    rows[4]["output"] = ""
    page = tab.page
    jobs_before = len(list((home / "jobs").glob("train/*")))
    with page.expect_file_chooser() as chooser:
        page.locator("#train-form").get_by_role("button", name="Click to Upload").click()
    chooser.value.set_files(write_jsonl(tmp_path / "mine.jsonl", rows))
    expect(tab.config).to_contain_text("datasets/mine", timeout=PATIENCE_MS)
    tab.choose("model", f"path:{model}")
    page.locator("#train-xray").click()
    expect(page.locator("#train-found")).to_contain_text(
        "Row 5 of mine.jsonl, column 'output', is empty", timeout=LONG_MS
    )
    page.locator("#train-start").click()
    expect(page.get_by_text("1 rows of").first).to_be_visible(timeout=PATIENCE_MS)
    assert len(list((home / "jobs").glob("train/*"))) == jobs_before


def test_presets_fill_the_fields_in_and_a_wrong_value_is_told(tab: TrainTab) -> None:
    tab.page.locator("#train-preset input").click()
    tab.page.get_by_role("option", name="7b-qlora").click()
    expect(tab.config).to_contain_text("gradient_accumulation_steps: 16", timeout=PATIENCE_MS)
    expect(tab.config).to_contain_text("tuning: qlora")
    tab.page.locator("#train-learning-rate input, #train-learning-rate textarea").first.fill("-1")
    expect(tab.config).to_contain_text("learning_rate: Input should be greater than 0", timeout=PATIENCE_MS)


def test_what_was_grown_is_taken_over_from_augment(context: BrowserContext, app_url: str, home: Path) -> None:
    form = AugmentForm(Given(paste="Why is the sky blue?\nHow do I learn to juggle?"), "echo:", "grown", {"sets": 2})
    ended(begin(Jobs(Home.at(home)), form, VisitorKeys(), ""))
    page = context.new_page()
    page.goto(app_url)
    page.get_by_role("tab", name="Augment").click()
    page.locator("#use-for-training").click(timeout=LONG_MS)
    expect(page.locator("#train-start")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#train-config")).to_contain_text("augment/grown/dataset", timeout=PATIENCE_MS)
    expect(page.locator("#train-dataset input")).to_have_value("grown, grown here")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_and_for_axe(chromium: Browser, app_url: str, home: Path, picture_folder: Path, scheme: str) -> None:
    finished_run(home)
    context = chromium.new_context(
        locale="en-US", viewport={"width": 390, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(app_url)
    page.get_by_role("button", name="More tabs").click(timeout=LONG_MS)
    page.locator(".overflow-dropdown").get_by_role("button", name="Train").click()
    expect(page.locator("#train-headline")).to_contain_text("Finished", timeout=PATIENCE_MS)
    expect(page.locator("#train-config")).to_contain_text("method: sft", timeout=PATIENCE_MS)
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    page.locator("#train-form").get_by_role("button", name="More").click()
    expect(page.locator("#train-beta")).to_be_visible()
    assert axe_findings(page) <= set(json.loads(BASELINE_FILE.read_text("utf-8")))
    page.screenshot(path=picture_folder / f"train-phone-{scheme}.png", full_page=True)
    context.close()


@pytest.mark.proof
def test_runs_are_compared_and_one_without_memory_is_retried(tab: TrainTab, home: Path, picture_folder: Path) -> None:
    finished_run(home)
    finished_run(home, "other", 7.0, learning_rate=0.001, r=8)
    cure = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    no_memory = {"state": "failed", "kind": "OutOfMemory", "reason": "The memory of cpu is too small.", "cure": cure}
    (home / "jobs/train/other/exit.json").write_text(json.dumps(no_memory))
    page = tab.come_back().page
    page.locator("#train-runs").get_by_role("button", name="Compare runs").click()
    for name in ("written", "other"):
        page.locator("#train-runs-chosen input").click()
        page.get_by_role("option", name=name).click()
    compared = page.locator("#train-runs-compared")
    expect(compared.get_by_role("img", name="Loss: written")).to_be_visible(timeout=PATIENCE_MS)
    expect(compared.locator("polyline")).to_have_count(4)
    expect(compared.locator("tbody tr")).to_have_count(2)
    expect(compared.locator("tbody")).to_contain_text("learning_rate")
    page.keyboard.press("Escape")
    compared.scroll_into_view_if_needed()
    page.screenshot(path=picture_folder / "train-runs.png", full_page=True)
    page.locator("#train-jobs [data-key='other']").click()
    expect(tab.headline).to_contain_text("The memory of cpu is too small", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Retry with half the batch and twice the accumulation").click()
    expect(page.locator("#train-work .job h3")).to_contain_text("other-2", timeout=LONG_MS)
    asked = json.loads((home / "jobs/train/other-2/asked.json").read_text())
    assert {name: asked[name] for name in cure} == cure
    assert asked["learning_rate"] == 0.001


def finished_run(home: Path, name: str = "written", loss: float = 4.0, **request: object) -> None:
    """Write the folder of a run as its worker leaves it."""
    folder = home / "jobs/train" / name
    folder.mkdir(parents=True, exist_ok=True)
    told: list[dict[str, object]] = [{"event": "started", "step": 0, "max_steps": 5}]
    told += [{"event": "step", "step": n, "loss": loss / n, "seconds": 1.0, "tokens_per_s": 900.0} for n in range(1, 6)]
    told += [{"event": "steerability", "step": n, "margin": [n, 0, 5], "shuffled": [0, -1, 1]} for n in (0, 5)]
    (folder / "request.json").write_text(
        json.dumps({"method": "sft", "model": "embedded:smollm2", "dataset": "x", **request})
    )
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in told))
    (folder / "exit.json").write_text(json.dumps({"state": "done", "result": str(folder / "adapter")}))
