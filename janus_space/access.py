"""Who may do what: one table of every event of the page, and who is asking while one of them runs.

An event that is not in `EVENTS` cannot be registered, and a caller below an event's role is refused inside the
event itself: hiding a button hides nothing from a script that posts to its route.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum


class Role(IntEnum):
    """What a caller may do, in rising order: each role may do all that the ones below it may."""

    ANON = 0
    USER = 1
    OWNER = 2


@dataclass(frozen=True)
class Caller:
    """Somebody who asks: what they may do, and the name under which their use is counted."""

    role: Role
    name: str
    account: str | None = None
    """The name of their account on the Hub, where they signed in."""
    may_use_api: bool = False
    """Whether the named endpoints answer them, not only the page."""
    hub_token: str | None = field(default=None, repr=False)
    """Lent by the owner's sign-in, to publish with; it lasts as long as the request."""

    @property
    def is_owner(self) -> bool:
        return self.role is Role.OWNER


NOBODY = Caller(Role.ANON, "nobody")

COLUMN_LETTERS = "abcd"

EVENTS: dict[str, Role] = {
    "open_house": Role.ANON,
    "open_page": Role.ANON,
    "save_draft": Role.ANON,
    "run": Role.ANON,
    "stop_run": Role.ANON,
    **{f"stop_{letter}": Role.ANON for letter in COLUMN_LETTERS},
    **{f"retry_{letter}": Role.ANON for letter in COLUMN_LETTERS},
    "edit": Role.ANON,
    "new_conversation": Role.ANON,
    **{f"example_{number}": Role.ANON for number in range(1, 7)},
    "highlight": Role.ANON,
    **{f"influence_{letter}": Role.ANON for letter in COLUMN_LETTERS},
    **{f"influence_stop_{letter}": Role.ANON for letter in COLUMN_LETTERS},
    "share": Role.ANON,
    "copy_link": Role.ANON,
    "export_markdown": Role.ANON,
    "export_json": Role.ANON,
    "export_python": Role.ANON,
    "keep_key": Role.ANON,
    "name_voter": Role.ANON,
    **{f"vote_{number}": Role.ANON for number in range(1, len(COLUMN_LETTERS) + 1)},
    "vote_tie": Role.ANON,
    "vote_bad": Role.ANON,
    "open_leaderboard": Role.ANON,
    "export_votes_jsonl": Role.OWNER,
    "export_votes_csv": Role.OWNER,
    "votes_to_dataset": Role.OWNER,
    "grid_run": Role.ANON,
    "grid_stop": Role.ANON,
    "grid_answer": Role.ANON,
    "grid_take_over": Role.ANON,
    "grid_export_json": Role.ANON,
    "grid_export_csv": Role.ANON,
    "compare": Role.ANON,
    "steer": Role.OWNER,  # it reads a file of this machine
    **dict.fromkeys(
        ("augment", "bench", "train", "merge", "publish", "finetune-and-publish", "jobs", "stop", "resume"), Role.OWNER
    ),  # long work, at the house's expense
    **{f"augment_{what}": Role.OWNER for what in ("open", "poll", "pick", "stop", "pause", "resume", "kill")},
    **{
        f"augment_{what}": Role.OWNER
        for what in ("source", "file", "look", "command", "key", "start", "estimate", "look_at_job", "look_at_estimate")
    },
    **{
        f"augment_review_{what}": Role.OWNER
        for what in ("pick", "focus", "which", "earlier", "later", "save", "cancel")
    },
    **{f"augment_{what}": Role.OWNER for what in ("download", "download_reviewed", "save_file", "save_reviewed")},
    **{f"train_{what}": Role.OWNER for what in ("open", "poll", "pick", "stop", "pause", "resume", "kill")},
    **{
        f"train_{what}": Role.OWNER
        for what in ("enter", "upload", "preset", "config", "xray", "start", "look_at_job", "use")
    },
    **{f"train_{what}": Role.OWNER for what in ("try", "try_go", "estimate", "change", "retry", "retry_rent", "runs")},
    **{f"train_{what}": Role.OWNER for what in ("merge", "merging", "machines", "price", "rent")},
    **{f"bench_{what}": Role.OWNER for what in ("open", "poll", "pick", "stop", "pause", "resume", "kill")},
    **{f"bench_{what}": Role.OWNER for what in ("look", "start", "quick", "question", "by_hand", "use")},
    **{f"bench_{what}": Role.OWNER for what in ("choose", "csv", "markdown", "latex", "eval_results")},
    **dict.fromkeys(("best_of", "best_of_enter", "best_of_stop"), Role.OWNER),  # by a job of this house
    **{f"publish_{what}": Role.OWNER for what in ("open", "poll", "pick", "stop", "pause", "resume", "kill")},
    **{
        f"publish_{what}": Role.OWNER
        for what in ("enter", "what", "token", "start", "look", "look_at_job", "look_at_card", "agree", "card", "use")
    },
    "compose_open": Role.ANON,
    "compose_pick": Role.ANON,
    "compose_allow_more": Role.ANON,
    "compose_surprise": Role.ANON,
    "compose_reword": Role.ANON,
    "compose_rebuild": Role.ANON,
    "compose_check": Role.ANON,
    "compose_smooth": Role.ANON,
    "compose_stop": Role.ANON,
    "compose_take": Role.ANON,
    "compose_leave": Role.ANON,
    **{f"compose_use_{letter}": Role.ANON for letter in COLUMN_LETTERS},
    "compose_use_all": Role.ANON,
    "compose_go": Role.ANON,
    "compose_persona": Role.ANON,
    "compose_save_persona": Role.ANON,
    "compose_import": Role.ANON,
    "compose_export": Role.ANON,
    "compose_download": Role.ANON,
}


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


@contextmanager
def asked_by(caller: Caller) -> Iterator[None]:
    """Let `current_caller` tell, inside this block and in the tasks that it starts, on whose behalf it runs."""
    before = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(before)


def current_caller() -> Caller | None:
    """Tell who is asking; None where nobody came in by the door, as on the command line."""
    return _caller.get()


def lent_hub_token() -> str | None:
    """Return the token for the Hub that the sign-in of whoever is asking lends."""
    caller = current_caller()
    return caller.hub_token if caller is not None else None


def may(role: Role, event: str) -> bool:
    """Decide whether `role` may trigger `event`; an event nobody listed is nobody's."""
    required = EVENTS.get(event)
    return required is not None and role >= required


def is_loopback(host: str) -> bool:
    """Recognise `localhost` and the loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
