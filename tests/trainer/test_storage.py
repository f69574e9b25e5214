from __future__ import annotations

import errno
from pathlib import Path

import pytest
from safetensors import SafetensorError

from trainer.errors import StorageFailed
from trainer.storage import writing_to


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "x"), "no space left on device): free some space"),
        (OSError(errno.EROFS, "x"), "read-only file system): make it writable"),
        (PermissionError(errno.EACCES, "x"), "permission denied): make it writable"),
        (
            SafetensorError("I/O error: No space left on device (os error 28)"),
            "no space left on device): free some space",
        ),
    ],
)
def test_an_error_of_the_disk_becomes_one_sentence(error: Exception, words: str) -> None:
    with pytest.raises(StorageFailed) as failure, writing_to(Path("/models"), "JANUS_HOME"):
        raise error
    assert words in str(failure.value)
    assert "/models" in str(failure.value)
    assert "JANUS_HOME" in str(failure.value)


@pytest.mark.parametrize("error", [OSError("no model"), ConnectionResetError(errno.ECONNRESET, "x"), ValueError("x")])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)), writing_to(Path("/models"), "JANUS_HOME"):
        raise error
