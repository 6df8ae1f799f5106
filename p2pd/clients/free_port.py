"""Ports of loopback for programs that are started for a while, as in the demo."""

from __future__ import annotations

import random
import socket

from p2pd.base.errors import P2pdError

PORTS = range(20000, 31000)
"""Below what systems give to outgoing connections, one of which could take a port in between."""

_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """One that nobody has, for TCP and for UDP; another one at each call. Raises P2pdError."""
    for _ in range(500):
        port = random.choice(PORTS)
        if port not in _given and all(
            _is_free(kind, host, port) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        ):
            _given.add(port)
            return port
    raise P2pdError(f"no free port on {host}")


def _is_free(kind: socket.SocketKind, host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
