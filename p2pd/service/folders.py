"""The daemon's folders: where they are by default, that they can be written, and whose they are."""

from __future__ import annotations

import fcntl
import os
import tempfile
from dataclasses import dataclass, field
from typing import Mapping

from p2pd.base.errors import ConfigError, StateError
from p2pd.service.config import Config

LOCK_NAME = "lock"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a daemon lives: its folders; the control API's token (None: no login) and its file."""

    state_dir: str
    download_dir: str
    token: str | None = field(repr=False)
    token_file: str = ""


def state_folder(config: Config, environment: Mapping[str, str] = os.environ) -> str:
    """The state folder: as configured, else the user's own (XDG base directories)."""
    if config.state.dir:
        return config.state.dir
    base = environment.get("XDG_STATE_HOME", "")
    # the XDG specification: a relative path there is to be ignored
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.local/state")
    return os.path.join(base, "p2pd")


def download_folder(config: Config) -> str:
    """The download folder: as configured, else the user's own."""
    return config.storage.download_dir or os.path.expanduser("~/Downloads/p2pd")


def make_writable(folder: str, *, mode: int = 0o777) -> None:
    """Make the folder if it is not there, and try it. Raises ConfigError naming what is wrong."""
    try:
        os.makedirs(folder, mode=mode, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        if isinstance(problem, FileExistsError):
            reason = "it is not a folder"
        raise ConfigError(f"{folder}: cannot be written: {reason}") from None


def has_run(state_dir: str) -> bool:
    """Whether a daemon has been at work with this state folder before."""
    return any(os.path.exists(os.path.join(state_dir, name)) for name in ("state.db", "torrents"))


def trouble_with(folder: str) -> str:
    """Why nothing could be downloaded to a folder now, or nothing. Blocks.

    One that is not there may be on a volume that is not mounted yet: it is not made.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except (OSError, ValueError) as problem:
        return f"{folder}: {problem.strerror if isinstance(problem, OSError) else problem}"


class FolderLock:
    """Keeps a second daemon out of a state folder, for as long as this process lives."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, LOCK_NAME)
        self._file: int | None = None

    def take(self) -> None:
        """Take it. Raises StateError when another daemon has it, or the file cannot be opened."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = None
        try:
            file = os.open(self._path, flags, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            if file is not None:
                os.close(file)
            if isinstance(problem, BlockingIOError):
                raise StateError(f"{self._path}: another p2pd uses this state folder") from None
            raise StateError(f"{self._path}: {problem.strerror}") from None
        self._file = file

    def release(self) -> None:
        """Let another daemon have it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
