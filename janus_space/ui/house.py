"""What every tab of the page may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from data_gen.errors import BadRequest
from data_gen.openai_spec import api_key_for, parse_openai_spec
from janus_space.devices import Machine
from janus_space.door import Door
from janus_space.jobs import Jobs
from janus_space.models import Models
from janus_space.training import trained
from janus_space.votes import VoteBox


@dataclass(frozen=True)
class House:
    """The models, a look at the machine, the model that new pages begin with, the votes, and who comes in."""

    models: Models
    look: Callable[[], Machine]
    start_model: str
    votes: VoteBox
    door: Door = field(default_factory=Door)

    @property
    def can_have_owner(self) -> bool:
        """Tell whether anybody who opens the page may be its owner: what only an owner needs is laid out then."""
        return not self.models.hosted or (self.door.has_strangers and self.door.can_have_owner)

    @property
    def shows_all(self) -> bool:
        """Tell whether the owner's tabs are shown before it is known who looks: where no stranger does, or no owner."""
        return not self.door.has_strangers or not self.door.can_have_owner

    @property
    def trained(self) -> list[tuple[str, str]]:
        """Offer the models that were trained here: what a dropdown shows, and its spec."""
        jobs = [] if self.models.hosted else trained(Jobs(self.models.home))
        return [(f"{job.name}, trained here", f"job:{job.name}") for job in jobs]

    def has_key(self, spec: str, session_keys: Mapping[str, str]) -> bool:
        """Tell whether a remote model can be asked with the visitor's keys or, outside a hosted Space, the house's."""
        try:
            base_url = parse_openai_spec(spec).base_url
        except BadRequest:
            return False
        return api_key_for(base_url, session_keys, {} if self.models.hosted else os.environ) is not None
