"""Stand between a browser and the app on loopback, and keep every byte that the browser receives."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Relay:
    """Where it listens; `received` is what the app has sent to the browser, until somebody clears it."""

    url: str
    received: bytearray = field(default_factory=bytearray)


@contextmanager
def relay(app_url: str) -> Iterator[Relay]:
    """Run one, with two threads a connection."""
    target = urlsplit(app_url)

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((target.hostname or "", target.port or 0)) as app:
                asking = threading.Thread(target=_pass_on, args=[self.request, app], daemon=True)
                asking.start()
                _pass_on(app, self.request, between.received)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, False

    with Server(("127.0.0.1", 0), Connection) as server:
        between = Relay(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield between
        server.shutdown()


def _pass_on(source: socket.socket, sink: socket.socket, kept: bytearray | None = None) -> None:
    with suppress(OSError):  # whoever hangs up, does
        while data := source.recv(65_536):
            if kept is not None:
                kept += data
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
