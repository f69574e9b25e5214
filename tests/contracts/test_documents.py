"""The documents: what they point to is there."""

from __future__ import annotations

import re

import pytest

from tests.contracts.tree import ROOT

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
NAMED_FILE = re.compile(r"`((?:data_gen|trainer|janus_space|tests|assets)/[\w./{},-]*\.\w+)`")
MAKE_TARGET = re.compile(r"\bmake ([a-z]+)\b(?=[ `,.;:)\n]|$)")


def text(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_and_every_named_file_is_there(document: str) -> None:
    named = {*LINK.findall(text(document)), *NAMED_FILE.findall(text(document))}
    assert not [path for path in sorted(named) if "{" not in path and not (ROOT / path).exists()]


def test_every_make_target_that_the_readme_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    named = {
        word
        for span in re.findall(r"`[^`]+`|```.*?```", text("README.md"), re.DOTALL)
        for word in MAKE_TARGET.findall(span)
    }
    assert {"run", "test"} <= named <= targets
