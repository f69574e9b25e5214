"""What one visitor is composing: the picks, which of their many wordings is shown, and the text as it now stands.

It lives in the visitor's session only. The text follows the picks until somebody else than the writer has had a hand
in it; from then on it is left alone until it is rebuilt on purpose.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from data_gen.hierarchy import Hierarchy
from janus_space.comparison import MAX_TEXT
from janus_space.compose import Picks
from janus_space.personas import Persona


@dataclass
class Composition:
    """Picks and text. `text` is what the page shows."""

    picks: Picks = field(default_factory=Picks)
    seed: int = 0
    text: str = ""
    puts: deque[str] = field(default_factory=lambda: deque(maxlen=32))
    """What was put there for the visitor, newest last: a page that lags behind quick picks sends an older one back."""
    follows_picks: bool = True
    """Whether the newest was written from the picks; a persona may bring a text of its own."""
    proposal: str = ""
    """A smoother text that waits to be taken or left."""
    run_id: str = ""
    """The rewriting that is under way."""

    @property
    def is_hand_edited(self) -> bool:
        return bool(self.text.strip()) and self.text not in self.puts

    @property
    def is_edited(self) -> bool:
        """Tell whether the text is no longer what the picks say."""
        return self.is_hand_edited or (bool(self.text.strip()) and not self.follows_picks)

    def see(self, text: str | None) -> None:
        """Take over what stands in the box; an emptied box follows the picks again."""
        seen = (text or "")[:MAX_TEXT]
        self.text = self.puts[-1] if seen in self.puts else seen

    def toggle(self, preference_id: str, hierarchy: Hierarchy) -> None:
        """Take a preference, or take it back."""
        if preference_id in self.picks.ids:
            self.choose(self.picks.drop(preference_id), hierarchy)
        else:
            self.choose(self.picks.take(preference_id, hierarchy), hierarchy)

    def choose(self, picks: Picks, hierarchy: Hierarchy) -> None:
        """Change the picks, and with them the text, unless it was edited."""
        self.picks = picks
        if not self.is_edited:
            self.rebuild(hierarchy)

    def surprise(self, seed: int, hierarchy: Hierarchy) -> None:
        """Draw new picks, one a dimension."""
        drawn = Picks(ids=tuple(leaf.id for leaf in hierarchy.surprise(seed)), allow_more=self.picks.allow_more)
        self.choose(drawn, hierarchy)

    def reword(self, hierarchy: Hierarchy) -> None:
        """Say the same picks in other words."""
        self.seed = (self.seed + 1) % 2**31
        self.choose(self.picks, hierarchy)

    def rebuild(self, hierarchy: Hierarchy) -> None:
        """Write the text from the picks, whatever stands there."""
        self._put(self.picks.system_message(hierarchy, self.seed).text if self.picks.ids else "")
        self.follows_picks = True

    def become(self, persona: Persona, hierarchy: Hierarchy) -> None:
        """Take a persona's picks and text; a text edited by hand stays."""
        ids = [leaf.id for leaf in hierarchy.pick(persona.preferences)]
        is_kept = self.is_hand_edited
        self.picks, self.seed = Picks(ids=tuple(ids), allow_more=_needs_more(ids, hierarchy)), persona.seed
        if is_kept:
            return
        self.rebuild(hierarchy)
        if persona.system:
            self._put(persona.system)
            self.follows_picks = False

    def accept(self) -> None:
        """Make the proposal the text, as if it had been typed."""
        self.text, self.proposal = self.proposal or self.text, ""

    def _put(self, text: str) -> None:
        self.text = text
        if text:
            self.puts.append(text)


def _needs_more(ids: Iterable[str], hierarchy: Hierarchy) -> bool:
    dimensions = [leaf.dimension for leaf in hierarchy.pick(ids)]
    return len(set(dimensions)) < len(dimensions)
