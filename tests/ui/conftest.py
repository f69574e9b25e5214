"""One running app for all tests that talk HTTP to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_app import RunningApp, running_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("home")) as running:
        yield running
