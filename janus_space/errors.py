"""What can go wrong in the Space itself; the two engines below have their own trees.

SpaceError
├── HomeUnusable    the folder for state cannot be written: read-only, full, not a folder
├── UnknownModel    no model goes by that spec
├── BadLink         a share link is damaged, too long or not ours
├── VoteRefused     a vote cannot be counted: there is one already, or nothing to judge
├── HubUnusable     votes shall be kept on the Hub, and where or with which token is not told rightly
├── DatasetRefused  a dataset folder cannot be written as asked
├── JobRefused      a job cannot be found, started or stopped as asked
│   └── PriceNotAccepted    it costs money, and nobody has agreed to that yet
├── PublishRefused  something cannot be published as asked: a secret in it, no permission, changed meanwhile
├── PublishBroken   the way to the Hub broke off; what was sent is kept there, and the same command goes on
└── ScoringRefused  an answer cannot be scored: the model gives no log-probabilities, or it is too long
"""


class SpaceError(Exception):
    """Root of everything the Space raises on purpose; the text is fit to be shown to a user."""


class HomeUnusable(SpaceError):
    """State cannot be kept where it was asked to be kept."""


class UnknownModel(SpaceError):
    """No model goes by that spec, or it may not be used here."""


class BadLink(SpaceError):
    """A share link cannot be made or read."""


class VoteRefused(SpaceError):
    """A vote cannot be counted, or a ballot is not there any more."""


class HubUnusable(SpaceError):
    """Votes cannot be kept on the Hub as the environment asks."""


class DatasetRefused(SpaceError):
    """A dataset folder cannot be written as asked."""


class JobRefused(SpaceError):
    """A job cannot be found, started or stopped as asked."""


class PriceNotAccepted(JobRefused):
    """It costs money, and nobody has agreed to that yet; the text says how much."""


class PublishRefused(SpaceError):
    """Something cannot be published as it was asked."""


class PublishBroken(SpaceError):
    """The Hub could not be reached to the end; nothing half is visible there, and the same work can go on."""


class ScoringRefused(SpaceError):
    """How likely a model finds an answer cannot be told."""
