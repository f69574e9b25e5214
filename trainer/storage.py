"""One sentence for a disk that does not take what has to be written."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.errors import StorageFailed

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SHUT = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EEXIST}
_SAFETENSORS_CODE = re.compile(r"os error (\d+)")


@contextmanager
def writing_to(folder: Path, setting: str) -> Iterator[None]:
    """Turn any failure to write below `folder` into `StorageFailed`; `setting` is the variable that moves the folder.

    Other errors pass: network errors are OSErrors too, and transformers raises a bare one for a model it cannot read.
    """
    try:
        yield
    except Exception as error:
        code = _error_code(error)
        if code not in _FULL | _SHUT:
            raise
        cause = os.strerror(code).lower()
        cure = "free some space there" if code in _FULL else "make it writable"
        raise StorageFailed(
            f"Cannot write to {folder} ({cause}): {cure}, or set {setting} to another folder."
        ) from error


def _error_code(error: Exception) -> int:
    if isinstance(error, OSError):
        return error.errno or 0
    # safetensors reports the disk's errors as text, in an exception class of its own
    found = _SAFETENSORS_CODE.search(str(error)) if type(error).__name__ == "SafetensorError" else None
    return int(found[1]) if found else 0
