"""The Hub as this package meets it: one endpoint, one token, patience, and sentences for what goes wrong there.

The client repeats uploads by itself, but neither the making of a repository nor a commit; and errors of its transport
come through as they are. So every question to the Hub goes through `patiently`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, constants, errors, get_token

from janus_space.errors import PublishBroken, PublishRefused, SpaceError

T = TypeVar("T")

TRIES = 4
_FIRST_WAIT_SECONDS = 1.0
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class Hub:
    """Where to publish, and as whom. The token shows neither in `repr` nor in any error."""

    def __init__(self, token: str | None, endpoint: str | None = None, wait: Callable[[float], None] = time.sleep):
        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.api = HfApi(endpoint=self.endpoint, token=token or False)
        self.has_token = bool(token)
        self._wait = wait

    @classmethod
    def of_environment(cls) -> Hub:
        """Take HF_ENDPOINT, and the token of HF_TOKEN or of `hf auth login`."""
        return cls(get_token(), os.environ.get("HF_ENDPOINT"))

    @property
    def host(self) -> str:
        """The Hub's name for people."""
        address = urlsplit(self.endpoint)
        return f"{address.hostname}:{address.port}" if address.port else str(address.hostname)

    def patiently(self, doing: str, ask: Callable[[], T]) -> T:
        """Ask again after a broken connection or a passing failure; `ask` must be safe to repeat.

        Raises:
            PublishBroken: it did not come through; `doing` says what, as in "making me/my-model"
            PublishRefused: the Hub said no
        """
        for tries_left in reversed(range(TRIES)):
            try:
                return ask()
            except SpaceError:
                raise
            except Exception as error:  # the client lets errors of several libraries through
                if not _may_pass(error):
                    raise self._refusal(doing, error) from error
                if not tries_left:
                    raise self._break(doing, error) from error
            self._wait(_FIRST_WAIT_SECONDS * 2 ** (TRIES - 1 - tries_left))
        raise AssertionError("the last try returns or raises")

    def licence_of(self, kind: str, repo_id: str) -> str | None:
        """Ask what a repository's card says; None where it says nothing, or the Hub cannot be asked."""
        try:
            info = self.patiently(f"looking at {repo_id}", lambda: self.api.repo_info(repo_id, repo_type=kind))
        except SpaceError:
            return None
        found = getattr(getattr(info, "card_data", None), "license", None)
        return found if isinstance(found, str) else None

    def _break(self, doing: str, error: Exception) -> PublishBroken:
        status = status_of(error)
        why = f"answered with status {status}" if status else "cannot be reached"
        return PublishBroken(
            f"{self.host} {why} while {doing}: what was sent is kept, nothing half is visible, and resuming goes on."
        )

    def _refusal(self, doing: str, error: Exception) -> PublishRefused:
        status = status_of(error)
        if isinstance(error, errors.OfflineModeIsEnabled):
            return PublishRefused("HF_HUB_OFFLINE is set, which forbids to ask the Hub: unset it to publish.")
        if status == 401:
            return PublishRefused(
                f"{self.host} does not know this token (while {doing}): set HF_TOKEN, or give another one."
            )
        if status in (403, 404):
            return PublishRefused(
                f"{self.host} does not let this token do that (while {doing}): use one that may write there, or another"
                " name."
            )
        return PublishRefused(f"{self.host} refused while {doing}: {_first_line(error)}")


def status_of(error: BaseException | None) -> int | None:
    """Find the status in an error or in what caused it; None where no answer came."""
    while error is not None:
        if isinstance(error, errors.HfHubHTTPError):
            return int(error.response.status_code)
        error = error.__cause__
    return None


def _may_pass(error: Exception) -> bool:
    status = status_of(error)
    if status is not None:
        return status in _PASSING
    return any(isinstance(one, (httpx2.TransportError, OSError)) for one in _chain(error))


def _chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__
    return found


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
