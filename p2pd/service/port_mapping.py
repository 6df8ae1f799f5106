"""The port that gateways are asked for, put together from the configuration."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
from typing import Any, Callable

from p2pd.reachability.gateway_sockets import GatewaySockets
from p2pd.reachability.gateways import Gateways
from p2pd.reachability.port_mapper import PortMapper
from p2pd.state.files import write_whole
from p2pd.transports.way_out import WayOut, way_of

SECRET_NAME = "nat-secret"
SECRET_BYTES = 16


class PortMapping:
    """Makes the mapper of a session; by `way`, from the gateway of the configuration if any."""

    def __init__(self, reactor: Any, way: str | WayOut, gateway: str, state_folder: str) -> None:
        self._reactor = reactor
        self._gateways = Gateways(way_of(way), gateway)
        self._state_folder = state_folder
        self.secret = b""
        """By which PCP servers know us; there after `prepare`."""

    def mapper(self, changed: Callable[[], None], seen: Callable[[str, str], None]) -> PortMapper:
        """See session.reaching.MakePortMapping."""
        return PortMapper(
            self._reactor,
            random.SystemRandom(),
            self._gateways,
            GatewaySockets(self._reactor),
            changed=changed,
            seen=seen,
            secret=lambda: self.secret,
        )

    def prepare(self) -> None:
        """Read what makes a gateway know us again after a crash, or make it; blocks."""
        path = os.path.join(self._state_folder, SECRET_NAME)
        self.secret = _read(path) or _made(path)


def _read(path: str) -> bytes:
    """Empty when it is not there, or not all there."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with open(file, "rb") as opened:
            secret = opened.read(SECRET_BYTES + 1)
    except OSError:
        return b""
    return secret if len(secret) == SECRET_BYTES else b""


def _made(path: str) -> bytes:
    """A disk that takes none costs no more than that."""
    secret = secrets.token_bytes(SECRET_BYTES)
    with contextlib.suppress(OSError):
        write_whole(path, secret)
    return secret
