"""The Augment tab as a person uses it: from a paste to a reviewed dataset, with brakes, restarts and a small screen."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS, watch
from tests.browser.test_page import BASELINE_FILE, axe_findings
from tests.endpoint import Endpoint
from tests.janus_space.job_doubles import SlowTeacher, slow_teacher, wait_until
from tests.running_app import running_app

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]

ASKED = [
    "Explain how vaccines work.",
    "Write a toast for my sister’s wedding.",
    "Why is the sky blue?",
    "How do I learn to juggle?",
]
LONG_MS = 60_000


class AugmentTab:
    """The tab as a person sees it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def open(self) -> AugmentTab:
        self.page.goto(self.url)
        self.show()
        expect(self.page.locator("#augment-start")).to_be_visible(timeout=LONG_MS)
        return self

    def show(self) -> None:
        """Choose the tab; on a narrow screen it is behind a button."""
        tab = self.page.get_by_role("tab", name="Augment")
        more = self.page.get_by_role("button", name="More tabs")
        expect(tab.or_(more).first).to_be_visible(timeout=LONG_MS)
        if not tab.is_visible():
            more.click()
            tab = self.page.locator(".overflow-dropdown").get_by_role("button", name="Augment")
        tab.click()

    @property
    def root(self) -> Locator:
        return self.page.locator("#augment")

    @property
    def headline(self) -> Locator:
        return self.page.locator("#augment-headline")

    @property
    def command(self) -> Locator:
        return self.page.locator("#augment-command")

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True).first

    def paste(self, lines: list[str]) -> None:
        self.page.locator("#augment-paste textarea").fill("\n".join(lines))
        expect(self.page.locator("#augment-found")).to_contain_text("kept", timeout=PATIENCE_MS)

    def teacher(self, spec: str) -> None:
        box = self.page.locator("#augment-teacher input")
        box.fill(spec)
        box.press("Enter")
        expect(self.command).to_contain_text(spec, timeout=PATIENCE_MS)

    def set(self, field: str, value: str) -> None:
        self.page.locator(f"#field-{field}").locator("input, textarea").first.fill(value)

    def press_start(self) -> None:
        self.page.locator("#augment-start").click()

    def start(self, name: str) -> None:
        """Start a job of that name, and wait until it is the one that is shown."""
        self.page.get_by_label("Name of the job").fill(name)
        expect(self.command).to_contain_text(f"--out {name}", timeout=PATIENCE_MS)
        self.press_start()
        expect(self.page.locator(".job h3")).to_contain_text(name, timeout=LONG_MS)

    def is_told(self, sentence: str) -> None:
        expect(self.headline).to_contain_text(sentence, timeout=LONG_MS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def app_url(home: Path) -> Iterator[str]:
    with running_app(home) as app:
        yield app.url


@pytest.fixture(scope="module")
def teaching() -> Iterator[tuple[SlowTeacher, Endpoint]]:
    with slow_teacher() as served:
        yield served


@pytest.fixture
def tab(context: BrowserContext, app_url: str) -> Iterator[AugmentTab]:
    page = context.new_page()
    complaints = watch(page)
    yield AugmentTab(page, app_url).open()
    assert complaints == []


def test_from_a_paste_to_a_reviewed_dataset(
    tab: AugmentTab, teaching: tuple[SlowTeacher, Endpoint], home: Path, tmp_path: Path, picture_folder: Path
) -> None:
    teacher, served = teaching
    teacher.seconds = 0.4
    page = tab.page
    tab.paste([*ASKED, "", ASKED[0]])
    expect(page.locator("#augment-found")).to_contain_text("4 instructions are kept. Left out: 1 exact duplicate.")
    tab.teacher(f"openai:m@{served.url}")
    tab.set("concurrency", "2")
    expect(tab.command).to_contain_text("--concurrency 2", timeout=PATIENCE_MS)
    page.screenshot(path=picture_folder / "augment-form.png")
    tab.start("first-steps")
    tab.is_told("Running")
    expect(page.locator("#augment-sample article").first).to_contain_text("System message", timeout=LONG_MS)
    expect(page.get_by_role("progressbar", name="Rows done")).to_be_visible()
    page.locator("#augment-headline").scroll_into_view_if_needed()
    page.screenshot(path=picture_folder / "augment-running.png")
    teacher.seconds = 0
    tab.is_told("Finished")
    expect(page.locator("#quality-figures")).to_contain_text("Quality of 12 rows from 4 instructions", timeout=LONG_MS)
    expect(page.locator("#coverage .depth-1")).to_have_count(4)
    review(tab)
    with page.expect_download(timeout=LONG_MS) as download:
        tab.button("Download as reviewed").click()
    rows = [json.loads(line) for line in unpacked(download.value.path(), "reviewed/sft.jsonl").splitlines()]
    assert len(rows) == 11
    assert [row["output"] for row in rows if row["system"] == "You are brief."] == ["Yes."]
    expect(tab.root).to_contain_text("11 rows: 1 accepted, 1 edited, 9 not reviewed; 1 rejected are left out.")
    kept = [json.loads(line) for line in (home / "jobs/augment/first-steps/review.jsonl").read_text().splitlines()]
    assert [(one["decision"], one["reason"]) for one in kept] == [
        ("accept", ""),
        ("edit", "shorter"),
        ("reject", "not true"),
    ]
    take_over(tab, picture_folder)
    reviewed = home / "jobs/augment/first-steps/reviewed"
    questions = page.locator("#benchmark-data").locator("input, textarea")
    assert questions.input_value() == str(reviewed.resolve() / "sft.jsonl")
    assert page.locator("#publish-source input").input_value() == "first-steps, as reviewed"


def take_over(tab: AugmentTab, picture_folder: Path) -> None:
    """Take what was grown to every tab that can do something with it."""
    page = tab.page
    tab.button("Use for training").click()
    expect(page.locator("#train-start")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#train-dataset input")).to_have_value("first-steps, as reviewed", timeout=PATIENCE_MS)
    tab.show()
    expect(page.locator("#review-which").get_by_label("To review")).to_be_checked(timeout=PATIENCE_MS)
    expect(page.locator("#review-rows")).to_contain_text("of 9")
    tab.button("Benchmark with it").click()
    expect(page.locator("#benchmark-start")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#benchmark-command")).to_contain_text("bench steer", timeout=PATIENCE_MS)
    expect(page.locator("#benchmark-command")).to_contain_text("first-steps/reviewed/sft.jsonl", timeout=PATIENCE_MS)
    page.screenshot(path=picture_folder / "augment-to-benchmark.png")
    tab.show()
    tab.button("Publish it").scroll_into_view_if_needed()
    page.screenshot(path=picture_folder / "augment-offers.png")
    tab.button("Publish it").click()
    expect(page.locator("#publish-look")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#publish-what").get_by_label("Dataset", exact=True)).to_be_checked(timeout=PATIENCE_MS)
    page.screenshot(path=picture_folder / "augment-to-publish.png")


def review(tab: AugmentTab) -> None:
    """Accept the first row, edit the next, and reject the one after that, with a reason."""
    rows, editor = tab.page.locator("#review-rows article"), tab.page.locator("#row-editor")
    expect(tab.page.locator("#review-rows")).to_contain_text("Rows 1 to 3 of 12")
    rows.first.get_by_role("button", name="Accept").click()
    expect(tab.page.locator("#review-rows")).to_contain_text("of 11", timeout=PATIENCE_MS)
    rows.first.get_by_role("button", name="Edit").click()
    expect(editor.get_by_label("System message")).to_be_focused(timeout=PATIENCE_MS)
    editor.get_by_label("System message").fill("You are brief.")
    editor.get_by_label("Answer").fill("Yes.")
    editor.get_by_label("Reason").fill("shorter")
    editor.get_by_role("button", name="Save").click()
    expect(tab.page.locator("#review-rows")).to_contain_text("of 10", timeout=PATIENCE_MS)
    rows.first.get_by_role("button", name="Reject").click()
    editor.get_by_role("button", name="Reject").click()
    expect(tab.page.get_by_text("Say why this row is rejected")).to_be_visible(timeout=PATIENCE_MS)
    editor.get_by_label("Reason").fill("not true")
    editor.get_by_role("button", name="Reject").click()
    expect(tab.page.locator("#review-rows")).to_contain_text("of 9", timeout=PATIENCE_MS)
    tab.page.locator("#review-which").get_by_text("Rejected").click()
    expect(tab.page.locator("#review-rows")).to_contain_text("Rejected: not true", timeout=PATIENCE_MS)


def unpacked(path: Path, name: str) -> str:
    with zipfile.ZipFile(path) as packed:
        return packed.read(name).decode("utf-8")


def test_a_file_brings_its_columns_and_the_guess(
    tab: AugmentTab, teaching: tuple[SlowTeacher, Endpoint], home: Path, tmp_path: Path, picture_folder: Path
) -> None:
    teacher, served = teaching
    teacher.seconds = 0
    page = tab.page
    (tmp_path / "my questions.csv").write_text("id,question,note,dataset\n1,Why?,a,x\n2,How?,b,y\n3,,c,z\n")
    page.locator("#augment-source").get_by_text("File", exact=True).click()
    page.locator("#augment-form input[type=file]").set_input_files(tmp_path / "my questions.csv")
    column, sources = page.locator("#augment-prompt-column input"), page.locator("#augment-main-source-column input")
    expect(column).to_have_value("question", timeout=PATIENCE_MS)
    expect(sources).to_have_value("dataset")
    expect(page.locator("#augment-found")).to_contain_text("2 instructions are kept. Left out: 1 empty.")
    expect(page.get_by_role("list", name="The first instructions")).to_contain_text("Why? from x")
    page.screenshot(path=picture_folder / "augment-columns.png", full_page=True)
    sources.fill("")
    sources.press("Enter")
    expect(tab.command).to_contain_text("--main-source-column ''", timeout=PATIENCE_MS)
    expect(page.get_by_role("list", name="The first instructions")).to_contain_text("Why? from my questions")
    page.locator("#augment-id-column input").click()
    page.get_by_role("option", name="id", exact=True).click()
    expect(tab.command).to_contain_text("--id-column id", timeout=PATIENCE_MS)
    column.fill("note")
    column.press("Enter")
    expect(page.get_by_role("list", name="The first instructions")).to_contain_text("a", timeout=PATIENCE_MS)
    expect(tab.command).to_contain_text("--prompt-column note", timeout=PATIENCE_MS)
    tab.teacher(f"openai:m@{served.url}")
    tab.start("from-file")
    tab.is_told("Finished")
    request = json.loads((home / "jobs/augment/from-file/request.json").read_text())
    assert request["instructions"].endswith("given/my-questions.csv")
    mapped = {name: request[f"{name}_column"] for name in ("prompt", "more", "main_source", "original_source", "id")}
    assert mapped == {"prompt": "note", "more": None, "main_source": "", "original_source": None, "id": "id"}
    rows = [json.loads(line) for line in (home / "jobs/augment/from-file/dataset/sft.jsonl").read_text().splitlines()]
    assert {(row["instruction_id"], row["prompt"], row["main_source"]) for row in rows} == {
        ("1", "a", "my-questions"),
        ("2", "b", "my-questions"),
        ("3", "c", "my-questions"),
    }


@pytest.mark.proof
def test_stop_pause_and_resume(tab: AugmentTab, teaching: tuple[SlowTeacher, Endpoint]) -> None:
    teacher, served = teaching
    teacher.seconds = 0.5
    tab.paste([f"What is so special about the number {number * 7919}?" for number in range(20)])
    tab.teacher(f"openai:stopped@{served.url}")
    tab.set("concurrency", "2")
    tab.start("stopped")
    tab.is_told("Running")
    tab.button("Pause").click()
    tab.is_told("Paused")
    tab.button("Go on").click()
    tab.is_told("Running")
    tab.button("Stop").click()
    tab.is_told("Stopp")
    expect(tab.button("Resume")).to_be_visible(timeout=LONG_MS)
    teacher.seconds = 0
    asked = dict(teacher.bodies)
    tab.button("Resume").click()
    tab.is_told("Finished")
    assert all(teacher.bodies[body] == times for body, times in asked.items()), "something was paid twice"
    tab.root.get_by_role("button", name="Log").click()
    expect(tab.page.get_by_label("Log", exact=True).last).to_contain_text("60 of 60 rows", timeout=PATIENCE_MS)


def test_a_job_goes_on_without_the_app_and_is_shown_again(
    chromium: Browser, teaching: tuple[SlowTeacher, Endpoint], tmp_path: Path
) -> None:
    teacher, served = teaching
    teacher.seconds = 0.3
    home = tmp_path / "home"
    context = chromium.new_context(locale="en-US")
    with running_app(home) as app:
        tab = AugmentTab(context.new_page(), app.url).open()
        tab.paste([f"What is so special about the number {number * 7919}?" for number in range(20)])
        tab.teacher(f"openai:restarted@{served.url}")
        tab.set("concurrency", "2")
        tab.start("restarted")
        tab.is_told("Running")
        app.process.kill()
        app.process.wait()
    seen = sum(teacher.bodies.values())
    wait_until(lambda: sum(teacher.bodies.values()) > seen + 4)
    with running_app(home) as app:
        began = time.monotonic()
        tab = AugmentTab(context.new_page(), app.url).open()
        tab.is_told("Running")
        assert time.monotonic() - began < 30
        tab.page.reload()
        tab.show()
        tab.is_told("Running")
        teacher.seconds = 0
        tab.is_told("Finished")
        expect(tab.page.locator(".job-facts")).to_contain_text("60 of 60")
    context.close()


def test_what_cannot_be_done_is_said_before_a_job_is_made(tab: AugmentTab, home: Path) -> None:
    before = sorted(home.glob("jobs/augment/*"))
    tab.press_start()
    expect(tab.page.get_by_text("There are no instructions yet")).to_be_visible(timeout=PATIENCE_MS)
    tab.paste(ASKED)
    tab.set("budget-usd", "1")
    tab.press_start()
    expect(tab.page.get_by_text("give “Price of a prompt” and “Price of an answer”")).to_be_visible(timeout=PATIENCE_MS)
    assert sorted(home.glob("jobs/augment/*")) == before


def test_a_lent_key_goes_to_the_teacher_and_stays_nowhere(
    tab: AugmentTab, teaching: tuple[SlowTeacher, Endpoint], home: Path
) -> None:
    teacher, served = teaching
    teacher.seconds = 0
    secret = "sk-SENTINEL-9876543210"
    tab.paste(ASKED[:1])
    tab.teacher(f"openai:keyed@{served.url}")
    tab.root.get_by_label("API key of that address").fill(secret)
    tab.button("Use this key").click()
    expect(tab.root.get_by_text("is set for this visit")).to_be_visible(timeout=PATIENCE_MS)
    expect(tab.root.get_by_label("API key of that address")).to_have_value("")
    tab.start("keyed")
    tab.is_told("Finished")
    assert served.asked[-1].headers["authorization"] == f"Bearer {secret}"
    assert secret not in tab.page.content()
    files = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_and_for_axe(chromium: Browser, app_url: str, picture_folder: Path, scheme: str) -> None:
    context = chromium.new_context(
        locale="en-US", viewport={"width": 390, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    complaints = watch(page)
    tab = AugmentTab(page, app_url).open()
    tab.paste(ASKED)
    tab.start(f"phone-{scheme}")
    tab.is_told("Finished")
    expect(page.locator("#quality-figures")).to_contain_text("Quality of 12 rows", timeout=LONG_MS)
    page.locator("#review-rows").get_by_role("button", name="Edit").first.click()
    expect(page.locator("#row-editor")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    findings = axe_findings(page)
    page.screenshot(path=picture_folder / f"augment-phone-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_timeout(300)
    tab.root.get_by_role("button", name="More", exact=False).first.click()
    tab.root.get_by_role("button", name="Log").click()
    page.wait_for_timeout(500)
    findings |= axe_findings(page)
    page.screenshot(path=picture_folder / f"augment-{scheme}.png", full_page=True)
    assert findings - set(json.loads(BASELINE_FILE.read_text("utf-8"))) == set()
    assert complaints == []
    context.close()
