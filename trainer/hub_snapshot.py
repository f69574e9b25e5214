"""Files of a model repository on the Hub, pinned to one commit; every way to fail is one sentence.

HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE mean what they mean everywhere, and the files are shared with other
programs in the Hub's usual cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from trainer.errors import ModelNotFound, StorageFailed
from trainer.storage import writing_to


def resolve_commit(repository: str, revision: str | None) -> str:
    """Ask the Hub which commit a branch or tag is now; without the Hub, its last answer counts.

    Raises:
        ModelNotFound: no such repository or revision, no permission, or no Hub in reach
        StorageFailed: the Hub's cache cannot be used
    """
    from huggingface_hub import HfApi

    with _failures_in_words(repository, revision):
        return str(HfApi().resolve_revision(repository, revision=revision).resolved)


def fetch(repository: str, commit: str, patterns: list[str]) -> Path:
    """Download the repository's top-level files that match, and return the folder they are in.

    Raises:
        ModelNotFound, StorageFailed: as `resolve_commit`
    """
    from huggingface_hub import snapshot_download

    with _failures_in_words(repository, commit):
        return Path(snapshot_download(repository, revision=commit, allow_patterns=patterns, ignore_patterns=["*/*"]))


@contextmanager
def _failures_in_words(repository: str, revision: str | None) -> Iterator[None]:
    from huggingface_hub import constants

    try:
        with writing_to(Path(constants.HF_HUB_CACHE), "HF_HOME"):
            yield
    except StorageFailed:
        raise
    except Exception as error:  # the client lets errors of several libraries through
        raise ModelNotFound(_sentence(error, repository, revision)) from error


def _sentence(error: Exception, repository: str, revision: str | None) -> str:
    from huggingface_hub import constants, errors

    address = urlsplit(constants.ENDPOINT)
    hub = f"{address.hostname}:{address.port}" if address.port else f"{address.hostname}"  # never a password in it
    match error:
        case errors.GatedRepoError():
            return f"{repository} is gated: accept its terms on {hub}, then set HF_TOKEN to a token of that account."
        case errors.RepositoryNotFoundError():
            return f"There is no model {repository} on {hub} for you: check its name, or set HF_TOKEN if it is private."
        case errors.RevisionNotFoundError():
            return f"{repository} has no revision {revision!r} on {hub}: check it, or leave it out for the newest."
        case errors.HfHubHTTPError():
            return f"{hub} answered {error.response.status_code} when asked for {repository}: try again later."
        case _ if constants.HF_HUB_OFFLINE:
            return f"{repository} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it: unset that variable."
        case _:
            return (
                f"{repository} is not on this machine, and {hub} does not answer as a Hub:"
                " connect to it, or choose embedded:smollm2, which needs no network."
            )
