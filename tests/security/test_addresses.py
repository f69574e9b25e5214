"""Addresses that a visitor may not make this machine ask: the table of tricks, and a canary that hears of none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data_gen.chat import Conversation, Sampling
from data_gen.errors import DataGenError
from janus_space.access import Caller, Role, asked_by
from janus_space.engine.process import EnginePool
from janus_space.errors import SpaceError
from janus_space.home import Home
from janus_space.models import Models
from tests.security.attacker import TRIED

VISITOR = Caller(Role.ANON, "visitor")
INTERNAL = [
    "127.0.0.1", "localhost", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "[::1]",
    "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]",
    "[fc00::1]",
    "169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "metadata.google.internal", "100.100.100.200",
    "192.0.0.192", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "localtest.me", "127.0.0.1.nip.io",
    "api.openai.com.evil.example", "api.openai.com%2eevil.example", "api.openai.com%00.evil.example", "evil.example",
    "api-openai.com", "xn--api-openai.com", "аpi.openai.com", "api.openai.com:8443", "api.openai.com:80",
]  # fmt: skip
FORMS = ["https://{}/v1", "http://{}/v1", "https://api.openai.com@{}/v1", "https://{}/v1?x=https://api.openai.com"]


@pytest.fixture(scope="module")
def canary() -> Iterator[tuple[str, list[str]]]:
    """Listen on loopback and note who asks."""
    asked: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(f"{self.path} {self.headers.get('authorization')}")
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Canary) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def answer(models: Models, spec: str) -> None:
    """Ask the model one word, as a column would."""

    model = models.chat_model(spec, session_keys={"https://api.openai.com/v1": "sk-SENTINEL"})

    async def ask() -> None:
        async with aclosing(model.stream(Conversation.ask("Hello?"), Sampling(max_new_tokens=1))) as arriving:
            async for _ in arriving:
                pass

    asyncio.run(ask())


def test_a_visitor_makes_this_machine_ask_no_address_but_the_tables(
    tmp_path: Path, canary: tuple[str, list[str]]
) -> None:
    address, asked = canary
    models = Models(Home.at(tmp_path), EnginePool(Home.at(tmp_path)), hosted=True)
    port = address.partition(":")[2]
    hosts = [*INTERNAL, address, f"localhost:{port}", f"[::ffff:127.0.0.1]:{port}", f"2130706433:{port}"]
    for host in hosts:
        for form in FORMS:
            TRIED["address"] += 1
            with asked_by(VISITOR), pytest.raises((SpaceError, DataGenError)):
                answer(models, f"openai:m@{form.format(host)}")
    assert asked == []


def test_the_owners_endpoint_that_redirects_is_not_followed_and_gets_no_key_of_another(
    tmp_path: Path, canary: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-SENTINEL-of-the-house")
    address, asked = canary
    TRIED["address"] += 1
    with pytest.raises(DataGenError):
        answer(Models(Home.at(tmp_path), EnginePool(Home.at(tmp_path))), f"openai:m@http://{address}/v1")
    assert len(asked) == 1
    assert "SENTINEL" not in asked[0]


@pytest.mark.parametrize(
    "spec",
    [
        "zip::http://evil.example/x", "simplecache::http://evil.example", "http://evil.example/m", "hf:http://evil/m",
        "hf:../../etc", "hf:a/b@../../c", "hf:evil/huge-model", f"hf:evil/model@{'0' * 40}",
        "file:///etc", "s3://x/y", "openai:", "path:\\\\evil\\share",
    ],
)  # fmt: skip
def test_what_is_no_model_of_the_table_is_not_fetched_for_a_visitor(tmp_path: Path, spec: str) -> None:
    TRIED["address"] += 1
    models = Models(Home.at(tmp_path), EnginePool(Home.at(tmp_path)), hosted=True)
    with asked_by(VISITOR), pytest.raises((SpaceError, DataGenError, Exception)) as caught:
        models.chat_model(spec)
    assert type(caught.value).__module__.split(".")[0] in ("janus_space", "data_gen", "trainer")


def test_the_model_that_this_space_was_made_for_is_offered(tmp_path: Path) -> None:
    mine = "hf:author/my-model@0123456789012345678901234567890123456789"
    models = Models(Home.at(tmp_path), EnginePool(Home.at(tmp_path)), hosted=True, offered={mine})
    with asked_by(VISITOR):
        assert models.chat_model(mine).spec == mine
