"""The pins: every third-party import is pinned exactly and says why; what is installed is what is pinned."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml

from tests.contracts.tree import PACKAGES, ROOT, imports, parsed, source_files

PIN = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(\[[\w,]+\])?==(?P<version>[\w.]+)\s+#\s*(?P<reason>\S.*)")

# Pinned, though nothing of ours imports it.
NOT_IMPORTED = {
    "accelerate": "transformers asks for it to read GGUF files, trl to train",
    "gguf": "transformers asks for it to read GGUF files",
    "bitsandbytes": "transformers asks for it to hold weights in 4 bits",
}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_lines(file_name: str) -> list[str]:
    lines = (ROOT / file_name).read_text("utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith(("#", "-r "))]


def pins(file_name: str) -> dict[str, str]:
    found = [PIN.fullmatch(line) for line in requirement_lines(file_name)]
    return {canonical(match["name"]): match["version"] for match in found if match}


def third_party_imports() -> dict[str, Path]:
    """Map the distribution of every third-party import of the product to a file that imports it."""
    providers = packages_distributions()
    found: dict[str, Path] = {}
    for path in source_files():
        for module in {name.partition(".")[0] for name in imports(ast.walk(parsed(path)))}:
            if module not in sys.stdlib_module_names and module not in PACKAGES:
                found[canonical(providers.get(module, [module])[0])] = path
    return found


@pytest.mark.parametrize("file_name", ["requirements.txt", "requirements-dev.txt", "requirements-model.txt"])
def test_every_pin_is_exact_says_why_and_is_installed(file_name: str) -> None:
    assert not [line for line in requirement_lines(file_name) if not PIN.fullmatch(line)]
    installed = {name: version(name).partition("+")[0] for name in pins(file_name)}
    assert installed == pins(file_name)


def test_every_import_is_pinned() -> None:
    pinned = pins("requirements.txt")
    assert not {name: str(path.relative_to(ROOT)) for name, path in third_party_imports().items() if name not in pinned}


def test_every_pin_is_used_or_says_why_not() -> None:
    assert pins("requirements.txt").keys() - third_party_imports().keys() == NOT_IMPORTED.keys()


def test_the_space_runs_the_gradio_that_is_pinned() -> None:
    front_matter = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---")[1])
    assert front_matter["sdk_version"] == pins("requirements.txt")["gradio"]


def test_the_embedded_model_is_pinned_alike_where_it_is_installed_and_where_it_is_fetched() -> None:
    (name, number), *others = pins("requirements-model.txt").items()
    assert not others
    assert f"{name}=={number}" in (ROOT / "trainer/embedded.py").read_text("utf-8")


@pytest.mark.xdist_group("contracts")
def test_groups_of_tests_stay_in_one_process(request: pytest.FixtureRequest) -> None:
    """Some pytest and pytest-xdist do not fit each other, and say nothing: three browsers would share two cores."""
    if not request.config.getoption("loadgroup", default=False):
        pytest.skip("not one process of several")
    assert request.node.nodeid.endswith("@contracts")
