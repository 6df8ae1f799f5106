"""Ports mapped by PCP (RFC 6887): also those of IPv6, where it opens a way through a firewall."""

from __future__ import annotations

import hashlib
from typing import Callable

from p2pd.base.clock import Clock
from p2pd.protocols.nat import pcp
from p2pd.protocols.nat.epochs import PCP_DRIFT, GatewayEpoch
from p2pd.protocols.nat.mapping import Granted, PortKind
from p2pd.reachability.gateway_link import GatewayLink
from p2pd.reachability.gateways import Gateway
from p2pd.reachability.mapping_way import LEASE_SECONDS, Checked
from p2pd.reachability.questions import WAITS, Questions


class PcpWay:
    """PCP with one gateway.

    `secret` makes the nonces by which a gateway knows whose a mapping is: with the same one after a
    crash it is taken up again (section 11.3).
    """

    name = "pcp"

    def __init__(self, clock: Clock, link: GatewayLink, gateway: Gateway, secret: bytes) -> None:
        self._clock = clock
        self._gateway = gateway
        self._secret = secret
        self._questions = Questions(clock, link, gateway, pcp.SERVER_PORT)
        self._epoch = GatewayEpoch(PCP_DRIFT)
        self._external_host = ""
        self._restarted = False

    async def map(self, kind: PortKind, port: int, wished: int) -> Granted:
        """See MappingWay."""
        granted = await self._map(kind, port, LEASE_SECONDS, wished)
        self._restarted = False
        return granted

    async def unmap(self, kind: PortKind, granted: Granted) -> None:
        """See MappingWay."""
        await self._map(kind, granted.internal_port, 0, 0)

    async def check(self) -> Checked:
        """See MappingWay."""

        def read(packet: bytes) -> pcp.PcpAnswer | None:
            answer = pcp.parse_answer(packet)
            return answer if answer.granted is None else None

        request = pcp.announce_request(self._gateway.local_host)
        self._told(await self._questions.ask(request, read))
        return Checked(self._external_host, self._restarted)

    def close(self) -> None:
        """See MappingWay."""
        self._questions.close()

    async def _map(self, kind: PortKind, port: int, lease: int, wished: int) -> Granted:
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
        answer = await self._questions.ask(request, _reader(nonce, kind, port), WAITS)
        self._told(answer)
        granted: Granted = answer.granted
        if lease:
            self._external_host = granted.external_host
        return granted

    def _told(self, answer: pcp.PcpAnswer) -> None:
        if self._epoch.restarted(answer.epoch, self._clock.seconds()):
            self._restarted = True

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
