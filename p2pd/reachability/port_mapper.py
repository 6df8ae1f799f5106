"""Ports of gateways that lead to us, for both families: the one door to this room's mapping.

The session announces what `external_port` says; who looks at the daemon reads `status`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import Callable, Mapping

from twisted.internet.defer import Deferred, DeferredList

from p2pd.base.clock import Clock
from p2pd.base.measures import Labels, Measure, counters, gauges
from p2pd.protocols.nat.mapping import PortKind
from p2pd.reachability.announcements import Announcements
from p2pd.reachability.external_address import is_public
from p2pd.reachability.family_mapper import FamilyMapper, OwnPort, PortMapping
from p2pd.reachability.gateway_link import GatewayLink
from p2pd.reachability.gateways import Gateway, Gateways
from p2pd.reachability.mapping_way import MappingWay
from p2pd.reachability.natpmp_way import NatPmpWay
from p2pd.reachability.pcp_way import PcpWay
from p2pd.reachability.upnp_way import UpnpWay

_PORTS = ("family", "protocol")

PEERS, TLS = "peers", "tls"
"""What a port is for; the words are the API's."""


@dataclass(frozen=True, slots=True)
class FamilyStatus:
    """What is known of one family's ports. Seconds are from now on; None: not at all.

    `behind_nat` says that the gateway's own address is none of the internet, so that nobody there
    reaches the port.
    """

    state: str
    gateway: str
    local_host: str
    external_host: str
    behind_nat: bool
    protocol: str
    ports: tuple[PortStatus, ...]
    troubles: dict[str, str]
    next_try: float | None


@dataclass(frozen=True, slots=True)
class PortStatus:
    """One port; `use` is ``peers``, or ``tls`` for the one of peers who come by TLS."""

    kind: str
    internal_port: int
    external_port: int
    lease: int
    renewal: float
    expiry: float | None
    use: str = PEERS


@dataclass(slots=True)
class _Ways:
    """Makes the protocols for a gateway."""

    clock: Clock
    rng: random.Random
    link: GatewayLink
    secret: Callable[[], bytes]

    def ipv4(self, gateway: Gateway) -> list[MappingWay]:
        return [
            PcpWay(self.clock, self.link, gateway, self.secret()),
            NatPmpWay(self.clock, self.link, gateway),
            UpnpWay(self.clock, self.link, gateway, self.rng),
        ]

    def ipv6(self, gateway: Gateway) -> list[MappingWay]:
        return [PcpWay(self.clock, self.link, gateway, self.secret())]


class PortMapper:
    """Maps one port, TCP and UDP, in both families, and if it is wanted one for TLS.

    `changed` is called when what `external_port` or `status` say is another thing than before,
    `seen` with a gateway and our address outside as it tells it. `secret` is asked when ports are
    mapped: what makes PCP servers know us again.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        gateways: Gateways,
        link: GatewayLink,
        *,
        changed: Callable[[], None],
        seen: Callable[[str, str], None],
        secret: Callable[[], bytes],
    ) -> None:
        self._clock = clock
        self._port = 0
        self._tls_port = 0
        ways = _Ways(clock, rng, link, secret)
        overhear = partial(Announcements, clock, link)
        self.families = {
            ipv6: FamilyMapper(
                clock, rng, gateways, make, overhear, ipv6=ipv6, changed=changed, seen=seen
            )
            for ipv6, make in ((False, ways.ipv4), (True, ways.ipv6))
        }

    @property
    def running(self) -> bool:
        """Whether ports are to be mapped."""
        return bool(self._port)

    def start(self, port: int) -> None:
        """Have this port mapped from now on; once."""
        if not self._port and port:
            self._port = port
            for family in self.families.values():
                family.start(port)

    def map_tls(self, port: int) -> None:
        """Have this one mapped, too, by TCP, while ports are mapped; 0: none any more."""
        self._tls_port = port
        for family in self.families.values():
            family.map_tls(port)

    async def stop(self) -> None:
        """Map nothing any more, and give back what is mapped, within seconds."""
        self._port = 0
        stopping = [Deferred.fromCoroutine(each.stop()) for each in self.families.values()]
        await DeferredList(stopping, consumeErrors=True)

    def look(self) -> None:
        """Addresses or interfaces may have changed."""
        for family in self.families.values():
            family.look()

    def external_port(self, kind: PortKind = PortKind.TCP, *, ipv6: bool = False) -> int:
        """The port outside that leads to ours; 0 when none is known to."""
        return self._outside(OwnPort(kind, self._port), ipv6)

    def external_tls_port(self, *, ipv6: bool = False) -> int:
        """The same for the one of TLS."""
        return self._outside(OwnPort(PortKind.TCP, self._tls_port), ipv6) if self._tls_port else 0

    def _outside(self, own: OwnPort, ipv6: bool) -> int:
        mapping = self.families[ipv6].mappings.get(own)
        return 0 if mapping is None else mapping.granted.external_port

    def status(self) -> dict[bool, FamilyStatus]:
        """What is known, by family (true is IPv6)."""
        return {ipv6: self._status(family) for ipv6, family in self.families.items()}

    def measures(self) -> list[Measure]:
        """What is mapped, in numbers."""
        families: dict[Labels, FamilyMapper] = {
            ("ipv6" if ipv6 else "ipv4",): each for ipv6, each in self.families.items()
        }
        mapped: dict[Labels, float] = {
            (*labels, name): own in family.mappings
            for labels, family in families.items()
            for name, own in self._wanted().items()
        }
        return [
            gauges("nat_mapped", "Whether a gateway leads to our port.", _PORTS, mapped),
            _counted("nat_renewals_total", "Mappings renewed.", families, "renewals"),
            _counted(
                "nat_failures_total", "Attempts in which no way was found.", families, "failures"
            ),
            _counted(
                "nat_restarts_total", "Times a gateway forgot its mappings.", families, "restarts"
            ),
        ]

    def _wanted(self) -> dict[str, OwnPort]:
        """The ports by what they are called in numbers."""
        found = {kind.value.lower(): OwnPort(kind, self._port) for kind in PortKind}
        if self._tls_port:
            found[TLS] = OwnPort(PortKind.TCP, self._tls_port)
        return found

    def _status(self, family: FamilyMapper) -> FamilyStatus:
        now = self._clock.seconds()
        gateway = family.gateway
        external = family.external_host
        return FamilyStatus(
            state=family.state.value,
            gateway="" if gateway is None else gateway.host,
            local_host="" if gateway is None else gateway.local_host,
            external_host=external,
            behind_nat=bool(external) and not is_public(external),
            protocol=family.protocol,
            ports=tuple(self._port_status(mapping, now) for mapping in family.mappings.values()),
            troubles=dict(family.troubles),
            next_try=family.next_try_at - now if family.next_try_at else None,
        )

    def _port_status(self, mapping: PortMapping, now: float) -> PortStatus:
        own, granted = mapping.own, mapping.granted
        return PortStatus(
            kind=own.kind.value.lower(),
            internal_port=granted.internal_port,
            external_port=granted.external_port,
            lease=granted.lease,
            renewal=mapping.renew_at - now,
            expiry=mapping.expires_at - now if mapping.expires_at else None,
            use=PEERS if own.port == self._port else TLS,
        )


def _counted(
    name: str, meaning: str, families: Mapping[Labels, FamilyMapper], attribute: str
) -> Measure:
    values = {labels: getattr(family, attribute) for labels, family in families.items()}
    return counters(name, meaning, ("family",), values)
