"""Texts from outside that would like to be scripts: through every text that is shown, in the real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from data_gen.chat import Sampling
from janus_space.comparison import Column, Comparison, Turn
from janus_space.home import Home
from janus_space.share import to_code
from tests.browser.conftest import PATIENCE_MS, ComparePage
from tests.browser.planted import plant
from tests.endpoint import endpoint, fails, says
from tests.running_app import running_app
from tests.security.attacker import TRIED

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

OWN = "window.owned=1"
PAYLOADS = [
    f"<script>{OWN}</script>",
    f"<img src=x onerror={OWN}>",
    f"<img src='CANARY/i.png' onload={OWN}>",
    f"<svg onload={OWN}>",
    f"<svg><script>{OWN}</script></svg>",
    f"<svg><animate onbegin={OWN} attributeName=x dur=1s>",
    f"<svg><a xlink:href='javascript:{OWN}'><text y=9>x</text></a></svg>",
    f"<math><mi xlink:href='javascript:{OWN}'>x</mi></math>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={OWN}>",
    f"<iframe srcdoc='<script>parent.{OWN}</script>'></iframe>",
    f"<iframe src='javascript:parent.{OWN}'></iframe>",
    "<iframe src='CANARY/frame'></iframe>",
    f"<object data='javascript:{OWN}'></object>",
    "<embed src='CANARY/embed'>",
    f"<body onload={OWN}>",
    f"<details open ontoggle={OWN}>x</details>",
    f"<video><source onerror={OWN}></video>",
    "<video poster='CANARY/poster.png' src='CANARY/film.mp4' autoplay></video>",
    f"<audio src=x onerror={OWN}>",
    f"<input autofocus onfocus={OWN}>",
    f"<select autofocus onfocus={OWN}>",
    f"<marquee onstart={OWN}>x</marquee>",
    f"<a href='javascript:{OWN}' id=bait>x</a>",
    f"<a href='data:text/html,<script>{OWN}</script>'>x</a>",
    f"<form action='javascript:{OWN}'><button autofocus>x</button></form>",
    "<form action='CANARY/form'><input name=key></form>",
    "<link rel=stylesheet href='CANARY/style.css'>",
    "<link rel=prefetch href='CANARY/prefetch'>",
    "<style>@import 'CANARY/import.css'; body { background: url(CANARY/background.png) }</style>",
    "<meta http-equiv=refresh content='0;url=CANARY/refresh'>",
    "<base href='CANARY/'>",
    f"<template><script>{OWN}</script></template>",
    f"<noscript><p title='</noscript><img src=x onerror={OWN}>'>",
    f"</textarea><img src=x onerror={OWN}>",
    f"</title><script>{OWN}</script>",
    f"--><img src=x onerror={OWN}>",
    f"]]><img src=x onerror={OWN}>",
    f'"><img src=x onerror={OWN}>',
    f"' autofocus onfocus={OWN} x='",
    f"`${{{OWN}}}`",
    "{{constructor.constructor('window.owned=1')()}}",
    "![x](CANARY/markdown.png)",
    f"[x](javascript:{OWN})",
    "[x](data:text/html;base64,PHNjcmlwdD4)",
    f"<x onclick={OWN}>x</x>",
    f"$$\\href{{javascript:{OWN}}}{{x}}$$",
    "$\\includegraphics{CANARY/katex.png}$",
    f"```html\n<script>{OWN}</script>\n```",
    "<div style='background:url(CANARY/div.png)'>x</div>",
    "<table background='CANARY/table.png'><tr><td>x</table>",
    f"<img srcset='CANARY/set.png 2x' src=x onerror={OWN}>",
    "<picture><source srcset='CANARY/source.png'><img></picture>",
    f"\u202e<img src=x onerror={OWN}>\u202c",
    f"<IMG SRC=x OnErRoR={OWN}>",
    f"<img/src=x/onerror={OWN}>",
    f"<<img src=x onerror={OWN}>>",
    f"&lt;img src=x onerror={OWN}&gt;",
    f"%3Cimg src=x onerror={OWN}%3E",
    f"\\u003cimg src=x onerror={OWN}\\u003e",
]
# Gradio writes a page's settings into a script as JSON in which no tag can begin or end.
SCRIPTED = """() => ({
  owned: window.owned ?? null,
  handlers: [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes].map((a) => [e, a]))
    .filter(([e, a]) => /^on/i.test(a.name) && /owned/.test(a.value)).map(([e]) => e.outerHTML.slice(0, 120)),
  links: [...document.querySelectorAll('[href], [src], [action], [data]')]
    .filter((e) => [...e.attributes].some((a) => /^\\s*(javascript|data:text)/i.test(a.value)))
    .map((e) => e.outerHTML.slice(0, 120)),
  scripts: [...document.scripts].map((e) => e.textContent)
    .filter((text) => /owned/.test(text) && !/^window\\.gradio_config = [^<>]*$/.test(text)).length,
  frames: [...document.querySelectorAll('iframe, object, embed')].length,
})"""
NOTHING = {"owned": None, "handlers": [], "links": [], "scripts": 0, "frames": 0}


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page in which any dialog is a defeat."""
    page = context.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page
    assert dialogs == []


def unharmed(page: Page, asked: list[str]) -> None:
    page.wait_for_timeout(300)
    assert page.evaluate(SCRIPTED) == NOTHING
    assert asked == []


def all_payloads(canary: str) -> str:
    return "\n\n".join(PAYLOADS).replace("CANARY", canary)


def link_to(columns: list[Column], prompt: str) -> str:
    comparison = Comparison(columns=tuple(columns), turns=(Turn(prompt=prompt),), sampling=Sampling())
    return to_code(comparison)


def test_no_text_of_a_comparison_becomes_a_script(page: Page, app_url: str, canary: tuple[str, list[str]]) -> None:
    """The question, the message, the answer, an endpoint's refusal, what was sent, and the exports."""
    address, asked = canary
    text = all_payloads(address)
    with endpoint(says(text)) as answers, endpoint(fails(400, text)) as refuses:
        columns = [Column(model=f"openai:<b>m</b>@{one.url}", system=text) for one in (answers, refuses)]
        compare = ComparePage(page, app_url).open(f"?c={link_to(columns, text)}")
        expect(compare.prompt).to_have_value(text, timeout=PATIENCE_MS)
        TRIED["script"] += len(PAYLOADS) * 4
        unharmed(page, asked)
        compare.button("Run").click()
        expect(compare.status("A")).to_contain_text("finished", timeout=PATIENCE_MS)
        expect(compare.column("B")).to_contain_text("window.owned", timeout=PATIENCE_MS)
    unharmed(page, asked)
    for drawer in ("What was sent", "Share and export"):
        compare.unfold(drawer)
    for kind in ("Markdown", "JSON", "Python"):
        compare.button(kind).click()
        expect(page.locator("#export").get_by_text(kind, exact=True)).to_be_visible()
        TRIED["script"] += len(PAYLOADS)
        unharmed(page, asked)


def test_no_broken_link_becomes_a_script(page: Page, app_url: str, canary: tuple[str, list[str]]) -> None:
    _, asked = canary
    ComparePage(page, app_url).open(f"?c=1%3Cimg%20src%3Dx%20onerror%3D{OWN}%3E")
    expect(page.get_by_text("This share link is damaged")).to_be_visible(timeout=PATIENCE_MS)
    TRIED["script"] += 1
    unharmed(page, asked)


IN_A_NAME = f"<img src=x onerror={OWN}>"
WHERE_PLANTED = [
    ("Leaderboard", ["#standings"]),
    ("Augment", ["#augment-jobs", "#augment-sample"]),
    ("Train", ["#train-jobs", "#train-jobs .samples"]),
    ("Benchmark", ["#bench-jobs", "#bench-headline", "#benchmark-table", "#benchmark-answers"]),
    ("Publish", ["#publish-jobs", "#publish-headline", "#publish-asked", "#publish-preview"]),
]
"""By tab, where texts of jobs, rows, reports, cards and votes stand."""


def show_tab(page: Page, name: str) -> None:
    """Choose a tab, also where it is behind three dots."""
    tab, more = page.get_by_role("tab", name=name), page.get_by_role("button", name="More tabs")
    expect(tab.or_(more).first).to_be_visible(timeout=PATIENCE_MS)
    if not tab.is_visible():
        more.click()
        tab = page.locator(".overflow-dropdown").get_by_role("button", name=name)
    tab.click()


def test_no_text_of_the_home_becomes_a_script(page: Page, tmp_path: Path, canary: tuple[str, list[str]]) -> None:
    """Names, logs, errors, rows, samples, reports, verdicts, cards, votes, preferences and personas."""
    address, asked = canary
    plant(Home.at(tmp_path / "home"), all_payloads(address), IN_A_NAME)
    with running_app(tmp_path / "home") as app:
        compare = ComparePage(page, app.url).open()
        for tab, places in WHERE_PLANTED:
            show_tab(page, tab)
            for place in places:
                expect(page.locator(place).first).to_contain_text("owned", timeout=PATIENCE_MS)
                TRIED["script"] += len(PAYLOADS)
            unharmed(page, asked)
        show_tab(page, "Augment")
        page.locator("#augment-jobs .job-list button").filter(has_text="made").click()
        for place in ("#augment-headline", "#review-rows"):
            expect(page.locator(place)).to_contain_text("owned", timeout=PATIENCE_MS)
        unharmed(page, asked)
        show_tab(page, "Compose")
        personas = tmp_path / "personas.json"
        told = [{"name": payload[:60], "who": payload[:160], "preferences": ["plain-words"]} for payload in PAYLOADS]
        personas.write_text(json.dumps({"format": "janus-space personas", "personas": told}), "utf-8")
        page.get_by_label("Import a file").set_input_files(personas)
        expect(page.locator("[data-key='mine-0']")).to_contain_text("owned", timeout=PATIENCE_MS)
        page.get_by_label("Search the preferences").fill("script")
        expect(page.locator("#preference-tree [data-key='planted-words']")).to_be_visible(timeout=PATIENCE_MS)
        TRIED["script"] += 3 * len(PAYLOADS)
        unharmed(page, asked)
        show_tab(page, "Compare")
        compare.choose("Same instructions, different models")
        compare.model("A").click()
        expect(page.get_by_role("option").filter(has_text="trained here")).to_contain_text("owned")
        unharmed(page, asked)
