"""The sockets for UDP trackers: one a family, opened when first needed, on the one interface."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from twisted.internet.protocol import DatagramProtocol

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.tracker.announce import TrackerError
from p2pd.transports.way_out import WayOut, bind_to_device, way_of

MAX_PACKET = 65_535

Received = Callable[[bytes, str, int], None]
"""Called with a datagram, and the host and port that it says it comes from."""

BYTES_A_TURN = 32 * 1024
"""Read from a socket before others have their turn: answers are a few hundred bytes long."""


class UdpSockets:
    """Sends and receives packets; `interface` is an IP address, empty for any, or a way out."""

    def __init__(self, reactor: Any, interface: str | WayOut, received: Received) -> None:
        self._reactor = reactor
        self._way = way_of(interface)
        self._shown = interface if isinstance(interface, str) else interface.device
        self._received = received
        self._sockets: dict[bool, _Socket] = {}
        self._closed = False

    def usable(self, hosts: Sequence[str]) -> str:
        """The host to talk to: the first that the interface can reach, IPv4 before IPv6.

        Raises TrackerError when there is none.
        """
        for ipv6 in (False, True):
            if self._way.address(ipv6) is not None:
                for host in hosts:
                    if (":" in host) is ipv6:
                        return host
        raise TrackerError(f"it cannot be reached from {self._shown}, the interface in use")

    def send(self, packet: bytes, address: PeerAddress) -> None:
        """Send a packet. Raises TrackerError when the socket cannot be had or refuses."""
        if self._closed:
            raise TrackerError("shutting down")
        try:
            transport = self._socket(address.is_ipv6).transport
            if transport is not None:
                transport.write(packet, (address.host, address.port))
        except Exception as problem:
            raise TrackerError(f"cannot be asked: {problem}"[:200]) from None

    async def close(self) -> None:
        """Give the sockets back, and open no other."""
        self._closed = True
        sockets, self._sockets = self._sockets, {}
        for each in sockets.values():
            if each.port is not None:
                await each.port.stopListening()

    def _socket(self, ipv6: bool) -> _Socket:
        address = self._way.address(ipv6)
        if address is None:
            raise TrackerError(f"{self._shown} has no address")
        known = self._sockets.get(ipv6)
        if known is not None and known.address != address:
            known.port.stopListening()
            known = None
        if known is None:
            made = _Socket(self._received, address)
            interface = address or ("::" if ipv6 else "")
            made.port = self._reactor.listenUDP(0, made, interface, maxPacketSize=MAX_PACKET)
            made.port.maxThroughput = BYTES_A_TURN
            if self._way.device:
                bind_to_device(made.port.socket, self._way.device)
            known = self._sockets[ipv6] = made
        return known


class _Socket(DatagramProtocol):
    def __init__(self, received: Received, address: str) -> None:
        self._received = received
        self.address = address
        self.port: Any = None

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802 - Twisted's name
        self._received(datagram, addr[0], addr[1])
