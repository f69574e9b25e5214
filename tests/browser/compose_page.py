"""The Compose tab as a visitor sees it."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from janus_space.compose import load_hierarchy
from janus_space.personas import gallery
from tests.browser.conftest import PATIENCE_MS, ComparePage

HIERARCHY = load_hierarchy()


class ComposePage:
    """Its parts by what they are called, and what is done with them."""

    def __init__(self, compare: ComparePage) -> None:
        self.compare = compare
        self.page = compare.page

    def open(self) -> ComposePage:
        self.page.get_by_role("tab", name="Compose").click()
        expect(self.item("How should it sound?")).to_be_visible(timeout=PATIENCE_MS)
        expect(self.page.locator("#sunburst path").first).to_be_attached()
        expect(self.page.locator("#findings li").first).to_be_visible(timeout=PATIENCE_MS)
        return self

    @property
    def tree(self) -> Locator:
        return self.page.get_by_role("tree", name="Preferences")

    @property
    def message(self) -> Locator:
        return self.page.locator("#message textarea")

    @property
    def chips(self) -> Locator:
        return self.page.locator(".chip")

    @property
    def taken(self) -> Locator:
        return self.tree.locator("[aria-selected='true']")

    def item(self, name: str) -> Locator:
        return self.tree.get_by_role("treeitem", name=name).first

    def leaf(self, key: str) -> Locator:
        return self.tree.locator(f"[data-key='{key}']")

    def sector(self, key: str) -> Locator:
        return self.page.locator(f"#sunburst [data-key='{key}']")

    def button(self, name: str) -> Locator:
        return self.page.locator("#compose").get_by_role("button", name=name, exact=True)

    def search(self, text: str) -> None:
        self.page.get_by_label("Search the preferences").fill(text)

    def take(self, key: str) -> None:
        """Find a preference and take it by mouse."""
        self.search(HIERARCHY.leaves[key].preference)
        self.leaf(key).locator(".row").click()
        expect(self.leaf(key)).to_have_attribute("aria-selected", "true")
        self.search("")

    def take_persona(self, place: int) -> None:
        self.page.locator(f"[data-key='gallery-{place}']").click()
        expect(self.taken).to_have_count(len(gallery()[place].preferences))

    def focused(self) -> str:
        return self.page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")
