"""The UDP side of the port that peers dial: one socket for each address that is listened on.

All that goes by datagrams shares it, so that one port has to be let through by firewalls and one
mapping asked of a router. What comes is told apart by its first bytes: a query or an answer of the
DHT is a bencoded dictionary (BEP 5), a packet of uTP begins with its type and version (BEP 29), and
the rest is for the tracker client, which knows its answers by their transaction (BEP 15).

Where a way out is named the sockets are bound to its addresses (and to the device), as they come
and go; while it has none, nothing is sent. Without one there is a socket for each family, and the
kernel chooses by which address each datagram leaves.
"""

from __future__ import annotations

import errno
import socket
from typing import Any, Callable, Iterable, Sequence

from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress
from p2pd.transports.datagram_batches import Batches, Datagram
from p2pd.transports.udp_socket import UdpCounts, UdpSocket
from p2pd.transports.way_out import InterfaceWay, WayOut, bound_to_device, way_of

KRPC, UTP, OTHER = "dht", "utp", "other"

UTP_SIZE = 20
"""Of the header of a packet of uTP: what is shorter is none."""

_KRPC_FIRST, _KRPC_LAST = b"de"

_UTP_FIRST = frozenset((0x01, 0x11, 0x21, 0x31, 0x41))

BUFFER = 1024 * 1024
"""What is asked of the kernel for each way; it gives as much as it may."""

ATTEMPTS = 8
"""To find a port that is free in both families."""

Received = Callable[[UdpSocket, Sequence[Datagram]], None]
"""Called with the datagrams of one kind that came in one wake-up, and by which socket."""

OpenSocket = Callable[[str, int, str], socket.socket]
"""Opens a socket at an address, a port and a device (empty: any). Raises OSError."""


def kind_of(data: bytes) -> str:
    """Whose datagram it is; that it is a right one, its receiver has to find out."""
    if not data:
        return OTHER
    first = data[0]
    if first == _KRPC_FIRST and data[-1] == _KRPC_LAST:
        return KRPC
    if first in _UTP_FIRST and len(data) >= UTP_SIZE:
        return UTP
    return OTHER


def open_udp(host: str, port: int, device: str) -> socket.socket:
    """A socket that is bound there, for one family. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = bound_to_device(socket.socket(family, socket.SOCK_DGRAM), device)
    try:
        made.setblocking(False)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            made.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made


class UdpPort:
    """Every socket there is; `interface` is an IP address, empty for any, or a way out.

    `handed` are sockets that are bound already: they are used instead of any of our own.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        interface: str | WayOut = "",
        handed: Iterable[socket.socket] = (),
        open_socket: OpenSocket = open_udp,
        batches: Batches | None = None,
    ) -> None:
        self._reactor = reactor
        self._way = way_of(interface)
        self.shown = interface if isinstance(interface, str) else interface.device
        """What it is bound to, for people; empty for everything."""
        self._handed = list(handed)
        self._open_socket = open_socket
        self._batches = batches
        self._receivers: dict[str, Received] = {}
        self._changed: list[Callable[[], None]] = []
        self._wanted: int | None = None
        self.counts = UdpCounts()
        self.sockets: tuple[UdpSocket, ...] = ()

    @property
    def port(self) -> int:
        """The port that others send to; 0 while nothing is open."""
        return self.sockets[0].port if self.sockets else 0

    def claim(self, kind: str, received: Received) -> None:
        """Have the datagrams of a kind; those of kinds that nobody claims are only counted."""
        self._receivers[kind] = received

    def when_changed(self, call: Callable[[], None]) -> None:
        """Call whenever there are other sockets than before."""
        self._changed.append(call)

    def socket_for(self, ipv6: bool) -> UdpSocket | None:
        """The socket by which addresses of a family are sent to; None: there is no way."""
        return next((each for each in self.sockets if each.reaches(ipv6)), None)

    def open(self, port: int) -> None:
        """Listen at this port, or at another one if it is taken: that is said, and no error."""
        self._wanted = port
        if self._handed:
            handed, self._handed = self._handed, []
            self.sockets = tuple(map(self._wrapped, handed))
        else:
            self._open_all()
        self._tell()

    def follow(self) -> None:
        """The way's addresses changed: listen at these, and no longer at others."""
        if self._wanted is None:
            return
        hosts = self._hosts()
        for gone in [each for each in self.sockets if each.host not in hosts]:
            gone.close()
        self.sockets = tuple(each for each in self.sockets if not each.closed)
        had = {each.host for each in self.sockets}
        found = self._opened([host for host in hosts if host not in had], self._wanted)
        if found is None:
            self.log.error("UDP port {port} is taken at a new address", port=self._wanted)
        self.sockets += tuple(map(self._wrapped, found or ()))
        self._tell()

    def close(self) -> None:
        """Give the sockets back."""
        self._wanted = None
        for each in self.sockets:
            each.close()
        for handed in self._handed:
            handed.close()
        self.sockets, self._handed = (), []

    # -- opening ---------------------------------------------------------------------------------

    def _hosts(self) -> tuple[str, ...]:
        if isinstance(self._way, InterfaceWay):
            return self._way.addresses
        found = [self._way.address(ipv6) for ipv6 in (False, True)]
        if "" in found:
            return ("0.0.0.0", "::")
        return tuple(each for each in found if each)

    def _open_all(self) -> None:
        wanted = self._wanted or 0
        hosts = self._hosts()
        found = self._opened(hosts, wanted)
        for _ in range(ATTEMPTS):
            if found is not None:
                break
            found = self._opened(hosts, 0)
        self.sockets = tuple(map(self._wrapped, found or ()))
        if self.sockets:
            # Followed addresses are to have the same one.
            self._wanted = self.port
        elif not isinstance(self._way, InterfaceWay):
            self.log.warn("no UDP socket is to be had: no DHT, and no UDP trackers")
        if wanted and self.port not in (0, wanted):
            self.log.warn(
                "UDP port {wanted} is not to be had: what goes by UDP (the DHT, UDP trackers) uses "
                "port {port} instead, which a router or firewall may not let through",
                wanted=wanted,
                port=self.port,
            )

    def _opened(self, hosts: Sequence[str], port: int) -> list[socket.socket] | None:
        """Sockets at one port; None when it is taken at one of these hosts."""
        found: list[socket.socket] = []
        for host in hosts:
            try:
                made = self._open_socket(host, port, self._way.device)
            except OSError as problem:
                if problem.errno in (errno.EADDRINUSE, errno.EACCES):
                    for each in found:
                        each.close()
                    return None
                # A host without IPv6 is nothing to speak of, an address that just went even less.
                self.log.debug("no UDP at {host}: {problem}", host=host, problem=problem)
                continue
            port = made.getsockname()[1]
            found.append(made)
        return found

    def _wrapped(self, opened: socket.socket) -> UdpSocket:
        return UdpSocket(opened, self._reactor, self._received, self.counts, self._batches)

    def _tell(self) -> None:
        for call in self._changed:
            call()

    # -- receiving -------------------------------------------------------------------------------

    def _received(self, by: UdpSocket, datagrams: list[Datagram]) -> None:
        sorted_out: dict[str, list[Datagram]] = {}
        krpc: list[Datagram] = []
        for each in datagrams:
            data, (_, port) = each
            if not port:  # nobody could be answered at 0: it is forged
                continue
            # Nearly all are of this kind where there are many: nothing is called for these.
            if data and data[0] == _KRPC_FIRST and data[-1] == _KRPC_LAST:
                krpc.append(each)
            else:
                sorted_out.setdefault(kind_of(data), []).append(each)
        if krpc:
            sorted_out[KRPC] = krpc
        for kind, those in sorted_out.items():
            self.counts.received[kind] += len(those)
            receiver = self._receivers.get(kind)
            if receiver is not None:
                receiver(by, those)

    def send(self, data: bytes, address: PeerAddress) -> None:
        """Send by whichever socket reaches the address. Raises OSError when none does."""
        found = self.socket_for(address.is_ipv6)
        if found is None:
            raise OSError(errno.ENETUNREACH, f"{self.shown or 'this host'} has no way to it")
        found.send(data, address)
