"""Sockets that systemd opened for the daemon and hands to it (sd_listen_fds).

Each is known by its name (``FileDescriptorName=``), or else by the port that the configuration has
for its purpose, since all sockets of one unit have one name. They listen on TCP, or are UDP ones
(``ListenDatagram=``), which only peers are for.
"""

from __future__ import annotations

import os
import socket
from typing import Mapping

from twisted.internet.endpoints import _SystemdParser
from twisted.python.systemd import ListenFDs

from p2pd.base.errors import ConfigError

FAMILIES = (socket.AF_INET, socket.AF_INET6)


class HandedSockets:
    """What was handed and nobody has taken yet."""

    def __init__(self, sockets: Mapping[str, list[socket.socket]]) -> None:
        self._sockets = {name: list(those) for name, those in sockets.items()}

    @classmethod
    def from_systemd(
        cls, descriptors: ListenFDs | None = None, environment: Mapping[str, str] = os.environ
    ) -> HandedSockets:
        """Those of this process. Raises ConfigError for what is none of TCP or UDP."""
        # Twisted's "systemd:" endpoints take LISTEN_FDS out of the environment when they are
        # imported, which twistd does before us: what they found is all there is.
        given = _SystemdParser._sddaemon if descriptors is None else descriptors
        names = environment.get("LISTEN_FDNAMES", "").split(":")
        found: dict[str, list[socket.socket]] = {}
        for name, number in zip(names, given.inheritedDescriptors(), strict=False):
            found.setdefault(name, []).append(_opened(name, number))
        return cls(found)

    def take(self, name: str, port: int) -> socket.socket | None:
        """The socket for this purpose: the one of that name, or else at that port, if there is."""
        return self._take(name, port, socket.SOCK_STREAM)

    def take_datagrams(self, name: str, port: int) -> list[socket.socket]:
        """The UDP sockets for this purpose: one for each family, or one for both, or none."""
        found = []
        while (each := self._take(name, port, socket.SOCK_DGRAM)) is not None:
            found.append(each)
        return found

    def _take(self, name: str, port: int, kind: int) -> socket.socket | None:
        for known, those in self._sockets.items():
            for each in those:
                fits = known == name or (port and each.getsockname()[1] == port)
                if fits and each.type == kind:
                    those.remove(each)
                    return each
        return None

    def refuse_rest(self) -> None:
        """Raise ConfigError if there is one that nobody took: its callers would wait for ever."""
        left = [(name, each) for name, those in self._sockets.items() for each in those]
        if left:
            name, each = left[0]
            raise ConfigError(
                f"systemd hands a socket ({name}) at port {each.getsockname()[1]}, which is not "
                "peers.port, peers.tls_port, control.port or the port of an enabled tracker, or is "
                "one handed twice"
            )


def _opened(name: str, number: int) -> socket.socket:
    try:
        found = socket.socket(fileno=number)
        serves = found.type == socket.SOCK_DGRAM or found.getsockopt(
            socket.SOL_SOCKET, socket.SO_ACCEPTCONN
        )
    except OSError as problem:
        raise ConfigError(f"systemd hands no socket ({name}): {problem.strerror}") from None
    if found.family not in FAMILIES or not serves:
        raise ConfigError(
            f"systemd hands a socket ({name}) that does not listen on TCP and is no UDP socket"
        )
    found.set_inheritable(False)
    found.setblocking(False)
    return found
