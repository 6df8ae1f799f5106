"""Files that p2pctl writes: they are whole, or as they were."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from p2pd.base.errors import P2pdError


def write_whole(target: Path, data: bytes) -> None:
    """Write the whole file or none. Raises P2pdError."""
    try:
        fd, temporary = tempfile.mkstemp(prefix=".p2pctl-", dir=target.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                os.fchmod(fd, 0o666 & ~_umask())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise P2pdError(f"{target} cannot be written: {error.strerror or error}") from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
