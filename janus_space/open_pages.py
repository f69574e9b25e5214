"""Which caller opened which page. The name that a browser makes up for its page is sent about and proves nothing:
without this, whoever learnt it could read along, and act on what that page holds.
"""

from __future__ import annotations

from collections import OrderedDict

from janus_space.access import Caller

_MOST_PAGES = 4000


class OpenPages:
    """Pages by the name that their browser gave them; each belongs to whoever used it first."""

    def __init__(self) -> None:
        self._openers: OrderedDict[str, str] = OrderedDict()

    def is_of(self, page: str | None, caller: Caller) -> bool:
        """Tell whether the page is this caller's; one that nobody has used yet becomes theirs."""
        if page is None:
            return True
        opener = self._openers.setdefault(page, caller.name)
        self._openers.move_to_end(page)
        if len(self._openers) > _MOST_PAGES:
            self._openers.popitem(last=False)
        return opener == caller.name
