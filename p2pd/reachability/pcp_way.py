"""Ports mapped by PCP (RFC 6887): also those of IPv6, where it opens a way through a firewall."""

from __future__ import annotations

import hashlib
from typing import Callable

from p2pd.base.clock import Clock
from p2pd.protocols.nat import pcp
from p2pd.protocols.nat.epochs import PCP_DRIFT
from p2pd.protocols.nat.mapping import Granted, PortKind
from p2pd.reachability.gateway_link import GatewayLink
from p2pd.reachability.gateways import Gateway
from p2pd.reachability.mapping_way import Checked
from p2pd.reachability.packet_way import PacketWay
from p2pd.reachability.questions import Questions


class PcpWay(PacketWay):
    """PCP with one gateway.

    `secret` makes the nonces by which a gateway knows whose a mapping is: with the same one after a
    crash it is taken up again (section 11.3).
    """

    name = "pcp"

    def __init__(self, clock: Clock, link: GatewayLink, gateway: Gateway, secret: bytes) -> None:
        questions = Questions(clock, link, gateway, pcp.SERVER_PORT)
        super().__init__(clock, questions, PCP_DRIFT)
        self._gateway = gateway
        self._secret = secret
        self._external_host = ""

    async def check(self) -> Checked:
        """See MappingWay."""

        def read(packet: bytes) -> pcp.PcpAnswer | None:
            answer = pcp.parse_answer(packet)
            return answer if answer.granted is None else None

        request = pcp.announce_request(self._gateway.local_host)
        answer = await self.questions.ask(request, read)
        self.told(answer.epoch)
        return Checked(self._external_host, self.restarted)

    async def ask_map(self, kind: PortKind, port: int, lease: int, wished: int) -> Granted:
        """See PacketWay."""
        nonce = self._nonce(kind, port)
        request = pcp.map_request(
            nonce,
            self._gateway.local_host,
            kind,
            port,
            lease,
            wished,
            self._external_host if lease else "",
        )
        answer = await self.questions.ask(request, _reader(nonce, kind, port))
        self.told(answer.epoch)
        granted: Granted = answer.granted
        if lease:
            self._external_host = granted.external_host
        return granted

    def _nonce(self, kind: PortKind, port: int) -> bytes:
        about = f"{self._gateway.host} {self._gateway.local_host} {kind.value} {port}".encode()
        return hashlib.blake2b(about, key=self._secret, digest_size=pcp.NONCE_SIZE).digest()


def _reader(nonce: bytes, kind: PortKind, port: int) -> Callable[[bytes], pcp.PcpAnswer | None]:
    """Reads the answer to one request for a mapping."""

    def read(packet: bytes) -> pcp.PcpAnswer | None:
        if pcp.nonce_of(packet) not in (nonce, b""):
            return None
        answer = pcp.parse_answer(packet)
        granted = answer.granted
        if granted is None or answer.kind is not kind or granted.internal_port != port:
            return None
        return answer

    return read
