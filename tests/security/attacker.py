"""A stranger with raw sockets, against the real app: how every attack here is made, and counted."""

from __future__ import annotations

import atexit
import http.client
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

JOIN = "/gradio_api/queue/join"
TRIED: Counter[str] = Counter()
"""How many attacks of each kind this process has made."""

if counts_file := os.environ.get("JANUS_ATTACKS_FILE"):
    atexit.register(lambda: Path(counts_file).write_text(json.dumps(TRIED), "utf-8"))


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Attacker:
    """Speaks to an app under any host, origin and identity that it likes."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    """What it sends along each time: a cookie, a token, a lie about where it comes from."""
    host: str | None = None

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    def ask(self, method: str, path: str, headers: Mapping[str, str] = {}, body: bytes | None = None) -> Reply:
        """Send exactly this; a Content-Length of its own beats the body's."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            sent = {"Host": self.host or f"127.0.0.1:{self.port}", **self.headers, **headers}
            if body is not None and "Content-Length" not in sent:
                sent["Content-Length"] = str(len(body))
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def config(self) -> dict[str, Any]:
        """Read what every visitor's browser reads."""
        return json.loads(self.ask("GET", "/config").body)

    def join(self, event: Mapping[str, Any], data: list[Any], session: str) -> Reply:
        """Put an event into the queue, past every button."""
        order = {"data": data, "fn_index": event["id"], "session_hash": session}
        return self.ask("POST", JOIN, {"Content-Type": "application/json"}, json.dumps(order).encode())

    def outcome(self, session: str) -> dict[str, Any]:
        """Wait for how the session's event ended; {} if its stream ended without."""
        reply = self.ask("GET", f"/gradio_api/queue/data?session_hash={session}")
        for line in reply.body.splitlines():
            if line.startswith(b"data:") and (message := json.loads(line[5:]))["msg"] == "process_completed":
                return message
        return {}

    def trigger(self, event: Mapping[str, Any], data: list[Any], session: str) -> dict[str, Any]:
        """Trigger an event and give how it ended; an event that was not taken up has not succeeded."""
        joined = self.join(event, data, session)
        if joined.status != 200:
            return {"success": False, "output": {"error": joined.body.decode("utf-8", "replace")}}
        return self.outcome(session)


def events_of(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Name the events that run on the server."""
    return {item["api_name"]: item for item in config["dependencies"] if item["backend_fn"]}


def values_of(config: Mapping[str, Any], event: Mapping[str, Any], text: str = "7") -> list[Any]:
    """Fill in what the page would send, with `text` wherever a person may type."""
    values = {
        component["id"]: text if component["type"] == "textbox" else component["props"].get("value")
        for component in config["components"]
    }
    return [values[component] for component in event["inputs"]]
