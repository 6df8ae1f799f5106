"""Ports mapped by NAT-PMP (RFC 6886)."""

from __future__ import annotations

from p2pd.base.clock import Clock
from p2pd.protocols.nat import natpmp
from p2pd.protocols.nat.epochs import NATPMP_DRIFT, GatewayEpoch
from p2pd.protocols.nat.mapping import Granted, PortKind
from p2pd.reachability.gateway_link import GatewayLink
from p2pd.reachability.gateways import Gateway
from p2pd.reachability.mapping_way import LEASE_SECONDS, Checked
from p2pd.reachability.questions import Questions


class NatPmpWay:
    """NAT-PMP with one gateway."""

    name = "natpmp"

    def __init__(self, clock: Clock, link: GatewayLink, gateway: Gateway) -> None:
        self._clock = clock
        self._questions = Questions(clock, link, gateway, natpmp.SERVER_PORT)
        self._epoch = GatewayEpoch(NATPMP_DRIFT)
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

        def read(packet: bytes) -> natpmp.NatPmpAnswer | None:
            try:
                answer = natpmp.parse_answer(packet)
            except natpmp.NatPmpRefusalError as refusal:
                if refusal.operation != natpmp.ADDRESS:
                    return None
                raise
            return answer if answer.kind is None else None

        answer = await self._questions.ask(natpmp.address_request(), read)
        self._told(answer)
        return Checked(answer.external_host, self._restarted)

    def close(self) -> None:
        """See MappingWay."""
        self._questions.close()

    async def _map(self, kind: PortKind, port: int, lease: int, wished: int) -> Granted:
        def read(packet: bytes) -> natpmp.NatPmpAnswer | None:
            try:
                answer = natpmp.parse_answer(packet)
            except natpmp.NatPmpRefusalError as refusal:
                if refusal.operation != natpmp.operation_of(kind):
                    return None
                raise
            granted = answer.granted
            if answer.kind is not kind or granted is None or granted.internal_port != port:
                return None
            return answer

        request = natpmp.map_request(kind, port, lease, wished)
        answer = await self._questions.ask(request, read)
        self._told(answer)
        granted: Granted = answer.granted
        return granted

    def _told(self, answer: natpmp.NatPmpAnswer) -> None:
        if self._epoch.restarted(answer.epoch, self._clock.seconds()):
            self._restarted = True
