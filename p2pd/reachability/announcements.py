"""What a gateway tells everybody when it was started anew (RFC 6886, 3.2.1; RFC 6887, 14.1).

Anybody on the network can say such a thing in its name, so nothing is believed but that it is time
to ask, and that not too often.
"""

from __future__ import annotations

from typing import Callable

from p2pd.base.clock import Clock
from p2pd.base.errors import P2pdError
from p2pd.protocols.nat import natpmp, pcp
from p2pd.reachability.gateway_link import Datagrams, GatewayLink, UnreachableError
from p2pd.reachability.gateways import Gateway

QUIET_SECONDS = 10.0
"""Between two that are heard: a gateway repeats itself."""


class Announcements:
    """Calls `heard`, from now until `close`. What is told by IPv6 is not heard."""

    def __init__(
        self, clock: Clock, link: GatewayLink, gateway: Gateway, heard: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._heard = heard
        self._heard_at = float("-inf")
        self._socket: Datagrams | None = None
        if gateway.is_ipv6:
            return
        try:
            self._socket = link.overhear(gateway, self._received)
        except UnreachableError:
            return  # it is asked often enough without

    def close(self) -> None:
        """Hear no more."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()

    def _received(self, packet: bytes) -> None:
        now = self._clock.seconds()
        if now - self._heard_at >= QUIET_SECONDS and is_announcement(packet):
            self._heard_at = now
            self._heard()


def is_announcement(packet: bytes) -> bool:
    """Whether it says of a gateway no more than that it is there, and since when."""
    try:
        if packet[:1] == bytes((pcp.VERSION,)):
            return pcp.parse_answer(packet).granted is None
        return natpmp.parse_answer(packet).granted is None
    except P2pdError:
        return False
