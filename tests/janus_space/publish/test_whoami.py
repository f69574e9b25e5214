"""Who may write where, by what the Hub says of a token."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from janus_space.errors import PublishRefused
from janus_space.publish.hub import Hub
from janus_space.publish.whoami import check_may_write


def hub(role: str = "write", fine: dict[str, Any] | None = None, **told: Any) -> Hub:
    """Stand for a Hub that says this of a token."""
    found = Hub("hf_x", "http://127.0.0.1:9")
    token = {"role": role, **({"fineGrained": fine} if fine else {})}
    me = {"name": "me", "orgs": [], "auth": {"accessToken": token}, **told}
    found.api = SimpleNamespace(whoami=lambda: me)  # type: ignore[assignment]
    return found


def scoped(name: str, *permissions: str) -> dict[str, Any]:
    return {"scoped": [{"entity": {"type": "user", "name": name}, "permissions": list(permissions)}], "global": []}


@pytest.mark.parametrize(
    "asked",
    [
        hub(),
        hub(role="fineGrained", fine=scoped("me", "repo.write")),
        hub(role="fineGrained", fine=scoped("me/one", "repo.content.read", "repo.write")),
    ],
)
def test_these_may_write(asked: Hub) -> None:
    assert check_may_write(asked, "me/one") == "me"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (hub(role="read"), "may only read"),
        (hub(role="fineGrained", fine=scoped("me", "repo.content.read")), "give it write access to me/one"),
        (hub(role="fineGrained", fine=scoped("me/other", "repo.write")), "give it write access to me/one"),
    ],
)
def test_these_may_not(asked: Hub, told: str) -> None:
    with pytest.raises(PublishRefused, match=told):
        check_may_write(asked, "me/one")


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("write", True), ("contributor", True), ("read", False)])
def test_in_an_organisation_the_role_there_decides(role: str, may: bool) -> None:
    asked = hub(orgs=[{"name": "us", "roleInOrg": role}])
    if may:
        assert check_may_write(asked, "us/one") == "me"
    else:
        with pytest.raises(PublishRefused, match="publish as me/one, or join it"):
            check_may_write(asked, "us/one")


@pytest.mark.parametrize("name", ["one", "me/", "me/one/two", "me/..", "../me", "me/o ne", "me/-one", "x" * 97])
def test_what_is_no_name_is_told_at_once(name: str) -> None:
    with pytest.raises(PublishRefused, match="is no name on the Hub"):
        check_may_write(hub(), name)
