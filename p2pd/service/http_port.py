"""A TCP port for HTTP: taken early, served once what stands behind it is ready.

Taken before the daemon forks or opens anything, so that a port in use is one line and no harm;
connections that come in between wait in the kernel. As with systemd's own sockets.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import ServerFactory

from p2pd.base.errors import ConfigError

BACKLOG = 128

REASONS = {
    errno.EADDRINUSE: "another program listens there",
    errno.EACCES: "this user may not listen there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


def cannot_listen(what: str, interface: str, port: int, problem: OSError) -> ConfigError:
    """The sentence for a port that cannot be had."""
    number = problem.errno or 0
    reason = REASONS.get(number) or (os.strerror(number) if number else str(problem))
    shown = f"[{interface}]" if ":" in interface else interface or "every address"
    return ConfigError(f"{what}: cannot listen on port {port} of {shown}: {reason}")


class HttpPort:
    """One listening socket. `what` names it for people, with its configuration key.

    `handed` is one that listens already, and is taken instead of one of our own.
    """

    def __init__(
        self, what: str, interface: str, port: int, handed: socket.socket | None = None
    ) -> None:
        self._what = what
        self._wanted = (interface, port) if handed is None else handed.getsockname()[:2]
        self._socket = handed
        self._listening: IListeningPort | None = None
        self.port = port

    def prepare(self) -> None:
        """Bind and listen. Raises ConfigError."""
        interface, port = self._wanted
        try:
            self._socket = self._socket or _listening_socket(interface, port)
        except OSError as problem:
            raise cannot_listen(self._what, interface, port, problem) from None
        self.port = self._socket.getsockname()[1]

    @property
    def url_host(self) -> str:
        """The host part of a URL that reaches this port from this machine."""
        interface = self._wanted[0]
        if interface in ("", "0.0.0.0", "::"):
            return "127.0.0.1" if interface != "::" else "[::1]"
        return f"[{interface}]" if ":" in interface else interface

    def serve(self, reactor: IReactorSocket, factory: ServerFactory[Any]) -> None:
        """Answer, what waits already first."""
        assert self._socket is not None
        self._listening = reactor.adoptStreamPort(
            self._socket.fileno(), self._socket.family, factory
        )
        self.let_go()

    async def close(self) -> None:
        """Listen no more."""
        self.let_go()
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await maybeDeferred(listening.stopListening)

    def let_go(self) -> None:
        """Give the port back, if nothing serves it yet."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _listening_socket(interface: str, port: int) -> socket.socket:
    if not interface and socket.has_dualstack_ipv6():
        try:
            return _bound(socket.AF_INET6, "::", port, both=True)
        except OSError as problem:
            if problem.errno in (errno.EADDRINUSE, errno.EACCES):
                raise
            # no IPv6 on this host after all: IPv4 alone is a complete service
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    return _bound(family, interface, port)


def _bound(
    family: socket.AddressFamily, interface: str, port: int, *, both: bool = False
) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
        made.bind((interface, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made
