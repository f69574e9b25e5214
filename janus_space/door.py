"""The door: from the facts of a request to who is asking. `ui/guard.py` stands in it, for every request.

Three kinds of house:

    on loopback                 who sits at this machine owns it; nobody else is let in
    elsewhere, launch token     who shows the token owns it; visitors come in where the owner wants them
    hosted Space                everybody is a visitor; a signed-in account is known; its author or creator owns it

A Hub account is believed only where the Hub has set `SPACE_ID`, `SYSTEM` and `OAUTH_CLIENT_SECRET`: anywhere else
Gradio signs its session cookie with a constant that everybody knows.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from janus_space.access import Caller, Role, is_loopback
from janus_space.launch_token import LaunchToken

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
OAUTH_VARIABLES = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")
WRITING_SCOPES = frozenset({"contribute-repos", "write-repos", "manage-repos"})
"""Of a sign-in whose token can publish; the first reaches nothing but what was made with it."""
# Whoever puts one of these on a request, a proxy or a liar, is not simply sitting here.
FORWARDING_HEADERS = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})


@dataclass(frozen=True)
class Asked:
    """What of a request says who sent it. Header names are in lower case; `session` is Gradio's signed cookie."""

    client_host: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_from_here(self) -> bool:
        """Whether it was made on this machine, to this machine, with nobody in between."""
        return (
            is_loopback(self.client_host)
            and host_name(self.headers.get("host", "")) in LOOPBACK_NAMES
            and not FORWARDING_HEADERS & self.headers.keys()
        )


@dataclass(frozen=True)
class Space:
    """The hosted Space that this house is, from what the Hub sets in its environment."""

    id: str
    hosts: frozenset[str]
    creator: str | None = None
    """The creator's account by number, which no renaming changes."""
    signs_in: bool = False
    lends_tokens: bool = False
    """Whether its sign-in asks for a token that can publish, and at the Hub that this house publishes to."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Space | None:
        """Read the environment; None where this is no hosted Space."""
        if not environ.get("SPACE_ID"):
            return None
        # Without SYSTEM, Gradio would mock the sign-in, and take anybody for the account of this machine.
        signs_in = environ.get("SYSTEM") == "spaces" and all(environ.get(name) for name in OAUTH_VARIABLES)
        hub = environ.get("HF_ENDPOINT") or "https://huggingface.co"
        is_same_hub = urlsplit(environ.get("OPENID_PROVIDER_URL", ""))[:2] == urlsplit(hub)[:2]
        hosts = (host_name(host.strip()) for host in environ.get("SPACE_HOST", "").split(","))
        return cls(
            environ["SPACE_ID"],
            frozenset(host for host in hosts if host),
            environ.get("SPACE_CREATOR_USER_ID"),
            signs_in,
            lends_tokens=signs_in and is_same_hub and _may_publish(environ["OAUTH_SCOPES"]),
        )

    def caller(self, asked: Asked) -> Caller:
        """Tell a signed-in account from a visitor, and the owner from both."""
        account = signed_in(asked.session) if self.signs_in else None
        if account is None:
            hops = [*asked.headers.get("x-forwarded-for", "").split(","), asked.client_host]
            return Caller(Role.ANON, f"visitor {counted_as(hops)}")
        name, number = str(account.get("preferred_username", "")), str(account["sub"])
        is_owner = (bool(name) and name == self.id.partition("/")[0]) or number == self.creator
        if not is_owner:
            return Caller(Role.USER, f"account {number}", name)
        token = lent_token(asked.session) if self.lends_tokens else None
        return Caller(Role.OWNER, f"account {number}", name, hub_token=token)


@dataclass(frozen=True)
class Door:
    """How this house is reached and who owns it."""

    space: Space | None = None
    token: LaunchToken | None = None
    takes_visitors: bool = False
    """Beside the holder of the token; on a hosted Space they always come in."""
    answers_api: bool = False
    """Whether visitors from elsewhere may call the named endpoints."""
    has_tools: bool = False
    """Whether it answers MCP clients, those whom the named endpoints answer."""
    names: frozenset[str] = frozenset()
    """Host names it is asked by, beside this machine's own and plain addresses."""

    @property
    def has_strangers(self) -> bool:
        """Whether others than the owner come in: then what they reach is held short."""
        return self.space is not None or self.token is not None

    @property
    def can_have_owner(self) -> bool:
        """Whether anybody can ever prove to own it."""
        return self.space is None or self.space.signs_in

    def is_own(self, host: str | None) -> bool:
        """Recognise the host names by which this house is asked; any other may be a page that rebinds its name."""
        if host is None:
            return False
        if host in LOOPBACK_NAMES or (self.space is not None and host in self.space.hosts):
            return True
        return self.token is not None and (host in self.names or _is_address(host))

    def caller(self, asked: Asked) -> Caller | None:
        """Tell who asks; None is not let in."""
        if self.space is not None:
            return self._allowed(self.space.caller(asked))
        if self.token is None:
            return Caller(Role.OWNER, "owner", may_use_api=True) if asked.is_from_here else None
        if any(self.token.matches(shown) for shown in _tokens_shown(asked)):
            return Caller(Role.OWNER, "owner", may_use_api=True)
        if asked.is_from_here:
            return Caller(Role.ANON, "visitor of this machine", may_use_api=True)
        visitor = Caller(Role.ANON, f"visitor {counted_as([asked.client_host])}")
        return self._allowed(visitor) if self.takes_visitors else None

    def _allowed(self, caller: Caller) -> Caller:
        return replace(caller, may_use_api=self.answers_api or caller.is_owner)


def signed_in(session: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Read who signed in from Gradio's session, unless that has run out."""
    info = session.get("oauth_info")
    account = info.get("userinfo") if isinstance(info, Mapping) else None
    if not isinstance(info, Mapping) or not isinstance(account, Mapping) or not account.get("sub"):
        return None
    ends_at = info.get("expires_at")
    return account if isinstance(ends_at, int | float) and ends_at > time.time() else None


def lent_token(session: Mapping[str, Any]) -> str | None:
    """Read the token of a session that has not run out, unless its account has granted less than to publish."""
    info = session["oauth_info"] if signed_in(session) is not None else {}
    token, granted = info.get("access_token"), info.get("scope")
    is_enough = not isinstance(granted, str) or _may_publish(granted)
    return token if isinstance(token, str) and token and is_enough else None


def counted_as(hops: Sequence[str]) -> str:
    """Name whom a visitor's use is counted under: an address, or for IPv6 the network of a household.

    `hops` are the addresses that a request came through, nearest last. Each of the Hub's proxies appends the address
    that it was asked from, and a visitor may write anything in front of that. The proxies' own addresses are private:
    so the last public one is the visitor's.
    """
    known = [address for hop in hops if (address := _address(hop.strip())) is not None]
    public = [address for address in known if address.is_global]
    address = next(reversed(public or known), None)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or "unknown")


def host_name(netloc: str) -> str | None:
    """Take the name out of HOST, HOST:PORT, [V6] or [V6]:PORT; None where it is none of these."""
    name, bracket, rest = netloc[1:].partition("]") if netloc.startswith("[") else (netloc, "", "")
    if netloc.startswith("["):
        is_well_formed = bool(bracket) and (not rest or (rest[0] == ":" and rest[1:].isdecimal()))
    else:
        name, colon, port = netloc.partition(":")
        is_well_formed = not colon or port.isdecimal()
    return name.lower() if is_well_formed and name and not set(name) & set("/@?#\\ ") else None


def machine_names(host: str) -> frozenset[str]:
    """Name this machine as others on its network do, beside the host that it was told to listen on."""
    return frozenset(name.lower() for name in (host, socket.gethostname(), socket.getfqdn()) if name)


def _tokens_shown(asked: Asked) -> list[str]:
    scheme, _, bearer = asked.headers.get("authorization", "").partition(" ")
    return [*asked.cookies.values(), *([bearer.strip()] if scheme.lower() == "bearer" else [])]


def _may_publish(scopes: str) -> bool:
    return not WRITING_SCOPES.isdisjoint(scopes.split())


def _is_address(host: str) -> bool:
    return _address(host) is not None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
