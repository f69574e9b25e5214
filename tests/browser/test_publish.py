"""The Publish tab as a person uses it, against the tests' own Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from janus_space.publish.sources import front_matter
from tests.browser.conftest import PATIENCE_MS, watch
from tests.browser.test_page import BASELINE_FILE, axe_findings
from tests.hub import TOKEN, LocalHub
from tests.running_app import running_app
from tests.trainer.sample_rows import sft_rows, write_jsonl

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(400)]

LONG_MS = 120_000


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    folder = home / "datasets" / "voices"
    folder.mkdir(parents=True)
    write_jsonl(folder / "train.jsonl", sft_rows())
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n\n# Voices\n\nThree voices.\n")
    (folder / "training_args.bin").write_bytes(b"pickle")
    return home


@pytest.fixture(scope="module")
def app_url(home: Path, hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    theirs = hub.environment(tmp_path_factory.mktemp("hf"))
    own = {name: value for name, value in theirs.items() if name.startswith("HF_")}
    with running_app(home, environment=own | {"HF_HUB_OFFLINE": "0"}) as app:
        yield app.url


def open_tab(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.get_by_role("tab", name="Publish").click(timeout=LONG_MS)
    expect(page.locator("#publish-start")).to_be_visible(timeout=PATIENCE_MS)
    return page


def ask(page: Page, repo_id: str, licence: str = "") -> None:
    page.locator("#publish-what").get_by_text("Dataset", exact=True).click()
    expect(page.locator("#publish-start")).to_have_text("Publish", timeout=PATIENCE_MS)
    page.locator("#publish-source input").click()
    page.get_by_role("option", name="voices").click()
    page.get_by_label("Name on the Hub").fill(repo_id)
    if licence:
        page.locator("#publish-licence input").fill(licence)
        page.locator("#publish-licence input").press("Enter")


def test_a_dataset_is_looked_at_asked_about_changed_published_and_linked(
    context: BrowserContext, app_url: str, hub: LocalHub, home: Path, picture_folder: Path
) -> None:
    page = open_tab(context, app_url)
    complaints = watch(page)
    page.get_by_label("Token").fill(TOKEN)
    page.locator("#publish-keep-token").click()
    expect(page.locator("#publish-token-note")).to_contain_text("is set for this visit", timeout=PATIENCE_MS)
    expect(page.get_by_label("Token")).to_have_value("")
    ask(page, "tester/voices", "mit")
    page.locator("#publish-look").click()
    work = page.locator("#publish-work")
    expect(page.locator("#publish-headline")).to_contain_text("This is what would go", timeout=LONG_MS)
    expect(work).to_contain_text("training_args.bin: files of this kind can run code when they are opened")
    expect(work.locator(".parcel")).to_contain_text("train.jsonl")
    expect(page.locator("#publish-preview")).to_contain_text("Three voices.")
    assert hub.repositories == {}
    page.get_by_role("tab", name="Edit").click()
    card = page.locator("#publish-card textarea")
    card.fill(card.input_value().replace("Three voices.", "Three loud voices."))
    page.locator("#publish-save-card").click()
    page.get_by_role("tab", name="Preview").click()
    expect(page.locator("#publish-preview")).to_contain_text("Three loud voices.", timeout=PATIENCE_MS)
    page.screenshot(path=picture_folder / "publish-looked-at.png", full_page=True)
    assert axe_findings(page) <= set(json.loads(BASELINE_FILE.read_text("utf-8")))
    page.locator("#publish-start").click()
    expect(page.locator("#publish-asked")).to_contain_text("non-commercial use only; mit", timeout=LONG_MS)
    assert hub.repositories == {}
    page.locator("#publish-agree").click()
    link = work.locator(".published a")
    expect(link).to_have_attribute("href", f"{hub.url}/datasets/tester/voices", timeout=LONG_MS)
    page.screenshot(path=picture_folder / "publish-finished.png", full_page=True)
    repository = hub.repositories["datasets/tester/voices"]
    files = repository.commits[repository.refs["main"]]
    assert files.keys() == {".gitattributes", "README.md", "train.jsonl"}
    assert "Three loud voices." in files["README.md"].decode()
    assert front_matter(files["README.md"].decode())["license"] == "mit"
    assert not [path for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in page.content()
    assert complaints == []


def test_without_a_token_the_sentence_says_what_to_do(context: BrowserContext, app_url: str, hub: LocalHub) -> None:
    page = open_tab(context, app_url)
    ask(page, "tester/other")
    page.locator("#publish-start").click()
    expect(page.locator("#publish-headline")).to_contain_text("Publishing needs a token", timeout=LONG_MS)
    assert "datasets/tester/other" not in hub.repositories
