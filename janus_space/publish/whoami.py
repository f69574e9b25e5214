"""Who am I on the Hub, and may I write there? Asked before anything is made, trained or sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id

from janus_space.errors import PublishRefused
from janus_space.publish.hub import Hub

NO_TOKEN = (
    "Publishing needs a token of your account on the Hub that may write: set HF_TOKEN, or put one into its field."
)
_WRITING_ROLES = ("admin", "write", "contributor")
_WRITING_SCOPES = {"repo.write", "repo.content.write"}


def check_may_write(hub: Hub, repo_id: str) -> str:
    """Return the name of the account behind the token.

    Raises:
        PublishRefused: no token, an unknown one, one that may only read, or not there
    """
    check_name(repo_id)
    if not hub.has_token:
        raise PublishRefused(NO_TOKEN)
    me = hub.patiently("asking who you are", hub.api.whoami)
    name, owner = str(me.get("name")), repo_id.split("/")[0]
    token: Mapping[str, Any] = (me.get("auth") or {}).get("accessToken") or {}
    if token.get("role") == "read":
        raise PublishRefused(f"The token of {name} may only read: make one that may write, and use that.")
    scopes = token.get("fineGrained") if token.get("role") == "fineGrained" else None
    if scopes is not None and not _is_in_scope(scopes, owner, repo_id):
        raise PublishRefused(f"The token of {name} may not write to {owner}: give it write access to {repo_id} there.")
    if owner != name and not _is_member(me.get("orgs") or (), owner):
        raise PublishRefused(f"{name} may not write to {owner}: publish as {name}/{repo_id.split('/')[1]}, or join it.")
    return name


def check_name(repo_id: str) -> None:
    """Refuse what the Hub takes for no name; raise `PublishRefused`."""
    try:
        validate_repo_id(repo_id)
        is_full = repo_id.count("/") == 1
    except HFValidationError:
        is_full = False
    if not is_full:
        raise PublishRefused(f"{repo_id[:100]!r} is no name on the Hub: write OWNER/NAME, of letters, digits and - _ .")


def _is_member(organisations: Any, owner: str) -> bool:
    return any(
        one.get("name") == owner and one.get("roleInOrg", "write") in _WRITING_ROLES
        for one in organisations
        if isinstance(one, Mapping)
    )


def _is_in_scope(scopes: Mapping[str, Any], owner: str, repo_id: str) -> bool:
    granted = set(scopes.get("global") or ())
    for one in scopes.get("scoped") or ():
        entity = one.get("entity") or {}
        if entity.get("name") in (owner, repo_id):
            granted |= set(one.get("permissions") or ())
    return bool(granted & _WRITING_SCOPES)
