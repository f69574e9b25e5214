"""Texts from outside that would like to be scripts: through every text that is shown, in the real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from data_gen.chat import Sampling
from janus_space.comparison import Column, Comparison, Turn
from janus_space.share import to_code
from tests.browser.conftest import PATIENCE_MS, ComparePage
from tests.endpoint import endpoint, fails, says
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
SCRIPTED = """() => ({
  owned: window.owned ?? null,
  handlers: [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes].map((a) => [e, a]))
    .filter(([e, a]) => /^on/i.test(a.name) && /owned/.test(a.value)).map(([e]) => e.outerHTML.slice(0, 120)),
  links: [...document.querySelectorAll('[href], [src], [action], [data]')]
    .filter((e) => [...e.attributes].some((a) => /^\\s*(javascript|data:text)/i.test(a.value)))
    .map((e) => e.outerHTML.slice(0, 120)),
  scripts: [...document.scripts].filter((e) => /owned/.test(e.textContent)).length,
  frames: [...document.querySelectorAll('iframe, object, embed')].length,
})"""
NOTHING = {"owned": None, "handlers": [], "links": [], "scripts": 0, "frames": 0}


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
