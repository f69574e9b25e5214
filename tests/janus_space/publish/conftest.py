"""A Hub of the tests' own, and the real client in this process turned towards it: online, by LFS, without its waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from huggingface_hub import constants, file_download
from huggingface_hub.utils import _http

from janus_space.publish.hub import Hub
from tests.hub import TOKEN, LocalHub


@pytest.fixture
def local_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hasty = SimpleNamespace(**{**vars(time), "sleep": lambda _: None})
    for module in (_http, file_download):
        monkeypatch.setattr(module, "time", hasty)
    with LocalHub() as hub:
        yield hub
    _http.close_session()


@pytest.fixture
def hub(local_hub: LocalHub) -> Hub:
    return Hub(TOKEN, local_hub.url, wait=lambda _: None)
