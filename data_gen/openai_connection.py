"""The openai client as this project uses it: one address, one key, no more sent than needed, nothing endless read."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient, Timeout

from data_gen.errors import ChatRefused
from data_gen.openai_errors import Addressee, garbage
from data_gen.openai_spec import is_openai

# More than any answer needs; an endpoint that sends on without end would fill the memory.
MAX_REPLY_BYTES = 16 * 2**20

_HEADERS_SENT = {"host", "accept", "content-type", "content-length", "user-agent", "connection"}
_OPENAI_ACCOUNT_HEADERS = {"openai-organization", "openai-project"}


class OpenAIConnection:
    """Lends one client to all who ask at the same time; the last one closes it, so that nobody else has to."""

    def __init__(self, base_url: str, addressee: Addressee, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self._base_url = base_url
        self._addressee = addressee
        self._max_reply_bytes = max_reply_bytes
        self._client: AsyncOpenAI | None = None
        self._borrowers = 0

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AsyncOpenAI]:
        """Borrow the client."""
        if self._client is None:
            self._check_api_key()
            self._client = self._new_client()
        client = self._client
        self._borrowers += 1
        try:
            yield client
        finally:
            self._borrowers -= 1
            if self._borrowers == 0:
                self._client = None
                await client.close()

    def _check_api_key(self) -> None:
        key = self._addressee.api_key or ""
        # Checked before it reaches the transport, whose error would carry the key.
        if not (key.isascii() and key.isprintable()):
            raise ChatRefused(
                f"The API key for {self._addressee.name} holds characters that no key has: copy and enter it again."
            )

    def _new_client(self) -> AsyncOpenAI:
        patience = self._addressee.patience
        timeout = Timeout(patience.byte_seconds, connect=patience.connect_seconds)
        return AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._addressee.api_key or "none",  # None would make it read OPENAI_API_KEY, whoever is asked
            max_retries=0,
            timeout=timeout,
            http_client=DefaultAioHttpClient(
                verify=_tls_context(),
                trust_env=False,
                follow_redirects=False,
                timeout=timeout,
                event_hooks={"request": [self._send_only_what_is_needed], "response": [self._limit_reply]},
            ),
        )

    async def _send_only_what_is_needed(self, request: httpx2.Request) -> None:
        """Drop what the client adds of its own: facts about this machine, and headers from OPENAI_* variables."""
        kept = _HEADERS_SENT | (_OPENAI_ACCOUNT_HEADERS if is_openai(self._base_url) else set())
        for name in set(request.headers) - kept:
            del request.headers[name]
        request.headers["accept-encoding"] = "identity"
        if self._addressee.api_key is not None:
            request.headers["authorization"] = f"Bearer {self._addressee.api_key}"

    async def _limit_reply(self, response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise garbage(self._addressee, "compresses its reply, though it was asked not to")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Limited(response.stream, self._addressee, self._max_reply_bytes)


class _Limited(httpx2.AsyncByteStream):
    """A reply's bytes, up to a limit."""

    def __init__(self, stream: httpx2.AsyncByteStream, addressee: Addressee, max_bytes: int) -> None:
        self._stream = stream
        self._addressee = addressee
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received_bytes = 0
        async for part in self._stream:
            received_bytes += len(part)
            if received_bytes > self._max_bytes:
                raise garbage(self._addressee, f"sent more than {self._max_bytes // 2**20} MiB for one answer")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


@cache
def _tls_context() -> ssl.SSLContext:
    """Load the certificates once: it takes tens of milliseconds."""
    return httpx2.create_ssl_context()
