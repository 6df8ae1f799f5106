"""How a gateway is talked to: what the ways to map ports need of a network."""

from __future__ import annotations

from typing import Callable, Protocol

from p2pd.base.errors import P2pdError
from p2pd.protocols.nat.device_http import DeviceUrl
from p2pd.reachability.gateways import Gateway

Received = Callable[[bytes], None]
"""Called with a datagram of the one that was asked."""

Found = Callable[[bytes, str], None]
"""Called with a datagram and the IP address of who sent it."""


class UnreachableError(P2pdError):
    """What was asked does not answer, or not so that it could be understood; in words."""


class Datagrams(Protocol):
    """An open socket."""

    def send(self, packet: bytes) -> None:
        """Send to the one that is talked to. Raises UnreachableError."""

    def close(self) -> None:
        """Receive no more."""


class GatewayLink(Protocol):
    """The network between us and a gateway."""

    def connect(
        self, gateway: Gateway, port: int, received: Received, refused: Callable[[], None]
    ) -> Datagrams:
        """Talk to a port of the gateway, and hear nobody else. Raises UnreachableError.

        `refused` is called when the gateway tells that nobody is at that port.
        """

    def search(self, gateway: Gateway, found: Found) -> Datagrams:
        """Ask the group of SSDP, and the gateway itself. Raises UnreachableError."""

    def overhear(self, gateway: Gateway, received: Received) -> Datagrams:
        """Hear what an IPv4 gateway tells everybody, and nobody else. Raises UnreachableError."""

    async def ask(self, gateway: Gateway, url: DeviceUrl, request: bytes) -> tuple[int, bytes]:
        """The status and body that a device answers to a request. Raises UnreachableError."""
