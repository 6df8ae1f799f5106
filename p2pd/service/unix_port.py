"""A unix socket for HTTP: taken early like a port, and removed when it is closed."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from twisted.internet import unix
from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import ServerFactory

from p2pd.base.errors import ConfigError
from p2pd.service.http_port import BACKLOG

MAX_PATH = 107
"""Bytes that a path may have (unix(7))."""


class _BoundPort(unix.Port):
    """A port over a socket that is bound already.

    The reactor's own adoptStreamPort would make the socket everybody's (mode 0666).
    """

    def __init__(
        self, made: socket.socket, mode: int, factory: ServerFactory[Any], reactor: Any
    ) -> None:
        super().__init__(os.fsencode(made.getsockname()), factory, BACKLOG, mode, reactor)
        self._preexistingSocket = made


class UnixPort:
    """One listening socket at a path; `mode` is its file's."""

    def __init__(self, what: str, path: str, mode: int) -> None:
        """`what` is the configuration key."""
        self._what = what
        self._path = path
        self._mode = mode
        self._socket: socket.socket | None = None
        self._made: tuple[int, int] | None = None
        self._listening: _BoundPort | None = None

    @property
    def shown(self) -> str:
        """For people, and for ``p2pctl --url``."""
        return f"unix:{self._path}"

    def prepare(self) -> None:
        """Bind and listen. Raises ConfigError."""
        try:
            if len(os.fsencode(self._path)) > MAX_PATH:
                raise ConfigError(f"{self._what}: longer than {MAX_PATH} bytes: {self._path}")
            _remove_left_over(self._path)
            self._socket = self._bound()
        except OSError as problem:
            words = problem.strerror or str(problem)
            raise ConfigError(f"{self._what}: cannot listen at {self._path}: {words}") from None

    def serve(self, reactor: Any, factory: ServerFactory[Any]) -> None:
        """Answer, what waits already first."""
        made, self._socket = self._socket, None
        assert made is not None
        self._listening = _BoundPort(made, self._mode, factory, reactor)
        self._listening.startListening()

    async def close(self) -> None:
        """Listen no more, and remove the file if it is ours still."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await maybeDeferred(listening.stopListening)
        made, self._made = self._made, None
        if made is not None and _identity(self._path) == made:
            os.unlink(self._path)

    def _bound(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Nobody may connect before the mode is what it is to be.
        before = os.umask(0o177)
        try:
            made.bind(self._path)
            self._made = _identity(self._path)
            os.chmod(self._path, self._mode)
            made.listen(BACKLOG)
            made.setblocking(False)
        except BaseException:
            made.close()
            raise
        finally:
            os.umask(before)
        return made


def _remove_left_over(path: str) -> None:
    """Remove the socket of a daemon that was killed. Raises OSError, ConfigError."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigError(f"{path} is there already, and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise ConfigError(f"another program listens at {path}")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
