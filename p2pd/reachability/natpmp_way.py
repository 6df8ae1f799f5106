"""Ports mapped by NAT-PMP (RFC 6886)."""

from __future__ import annotations

from p2pd.base.clock import Clock
from p2pd.protocols.nat import natpmp
from p2pd.protocols.nat.epochs import NATPMP_DRIFT
from p2pd.protocols.nat.mapping import Granted, PortKind
from p2pd.reachability.gateway_link import GatewayLink
from p2pd.reachability.gateways import Gateway
from p2pd.reachability.mapping_way import Checked
from p2pd.reachability.packet_way import PacketWay
from p2pd.reachability.questions import Questions


class NatPmpWay(PacketWay):
    """NAT-PMP with one gateway."""

    name = "natpmp"

    def __init__(self, clock: Clock, link: GatewayLink, gateway: Gateway) -> None:
        questions = Questions(clock, link, gateway, natpmp.SERVER_PORT)
        super().__init__(clock, questions, NATPMP_DRIFT)

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

        answer = await self.questions.ask(natpmp.address_request(), read)
        self.told(answer.epoch)
        return Checked(answer.external_host, self.restarted)

    async def ask_map(self, kind: PortKind, port: int, lease: int, wished: int) -> Granted:
        """See PacketWay."""

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
        answer = await self.questions.ask(request, read)
        self.told(answer.epoch)
        granted: Granted = answer.granted
        return granted
