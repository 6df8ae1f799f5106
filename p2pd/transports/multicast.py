"""A multicast group in one local network: what is sent leaves by our address there, and what comes
was sent to the group, in that network.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Callable

from p2pd.transports.datagram_batches import Datagram
from p2pd.transports.local_networks import LocalNetwork
from p2pd.transports.udp_socket import UdpCounts, UdpSocket
from p2pd.transports.way_out import bound_to_device

HOPS = 1
"""Neighbours only: routers pass nothing on."""

_ALL_GROUPS_V4, _ALL_GROUPS_V6 = 49, 29  # IP_MULTICAST_ALL, IPV6_MULTICAST_ALL

Received = Callable[[LocalNetwork, list[Datagram]], None]
"""Called with what came in one wake-up, also what was sent here."""


class MulticastGroup:
    """Joined when it is made; raises OSError then. `device`: bind to the interface, too."""

    def __init__(
        self,
        network: LocalNetwork,
        group: str,
        port: int,
        reactor: Any,
        received: Received,
        *,
        device: str = "",
    ) -> None:
        self.network = network
        self._to = (group, port)
        self._sender = _sending(network, device)
        try:
            opened = _joined(network, group, port, device)
        except BaseException:
            self._sender.close()
            raise
        self._socket = UdpSocket(
            opened, reactor, lambda _, datagrams: received(network, datagrams), UdpCounts()
        )

    def send(self, data: bytes) -> None:
        """Send to the group; lost when the kernel has no room. Raises OSError otherwise."""
        try:
            self._sender.sendto(data, self._to)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Leave it."""
        self._socket.close()
        self._sender.close()


def _open(network: LocalNetwork, device: str) -> socket.socket:
    family = socket.AF_INET6 if network.is_ipv6 else socket.AF_INET
    made = bound_to_device(socket.socket(family, socket.SOCK_DGRAM), device)
    made.setblocking(False)
    return made


def _sending(network: LocalNetwork, device: str) -> socket.socket:
    """Bound to our address, so that nothing leaves by another."""
    made = _open(network, device)
    try:
        if network.is_ipv6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, network.number)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOPS)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
        else:
            membership = _membership("0.0.0.0", network)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, membership)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, HOPS)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        made.bind((network.host, 0))
    except BaseException:
        made.close()
        raise
    return made


def _joined(network: LocalNetwork, group: str, port: int, device: str) -> socket.socket:
    """Bound to the group itself: nothing else comes, above all nothing from outside."""
    made = _open(network, device)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if network.is_ipv6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.IPPROTO_IPV6, _ALL_GROUPS_V6, 0)
            made.bind((group, port, 0, network.number))
            packed = socket.inet_pton(socket.AF_INET6, group)
            joining = packed + struct.pack("@I", network.number)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joining)
        else:
            made.setsockopt(socket.IPPROTO_IP, _ALL_GROUPS_V4, 0)
            made.bind((group, port))
            joining = _membership(group, network)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joining)
    except BaseException:
        made.close()
        raise
    return made


def _membership(group: str, network: LocalNetwork) -> bytes:
    """An ip_mreqn."""
    packed = socket.inet_aton(group) + socket.inet_aton(network.host)
    return packed + struct.pack("@i", network.number)
