"""port_test (Transmission's rpc-spec, 4.4): whether peers outside can reach us, as far as is known.

Nobody else is asked: who connected to us from outside the local network lately has tested the port.
Besides it is told whether a gateway maps a port to ours, and as what others see us.
"""

from __future__ import annotations

from collections.abc import Callable

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.schema import JsonObject, Param, one_of, takes
from p2pd.reachability.port_mapper import PEERS
from p2pd.session.api import SessionApi

LATELY_SECONDS = 3600.0
"""For so long a connection from outside says that the port is open."""


class PortMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `port`."""

    def __init__(self, api: SessionApi, wall_clock: Callable[[], float]) -> None:
        super().__init__()
        self._api = api
        self._wall_clock = wall_clock

    @takes(Param("ip_protocol", one_of("ipv4", "ipv6"), None))
    async def jsonrpc_test(self, ip_protocol: str | None) -> JsonObject:
        """Whether somebody outside connected to us in the last hour, over IPv4, IPv6 or either."""
        reached = self._api.reached_at
        if ip_protocol is None and reached:
            ip_protocol = max(reached, key=lambda protocol: reached[protocol])
        last = 0.0 if ip_protocol is None else reached.get(ip_protocol, 0.0)
        answer: JsonObject = {
            **self._known(ip_protocol),
            "last_incoming_date": int(last),
            "port_is_open": bool(last) and self._wall_clock() - last <= LATELY_SECONDS,
        }
        return answer if ip_protocol is None else {**answer, "ip_protocol": ip_protocol}

    def _known(self, ip_protocol: str | None) -> JsonObject:
        """What gateways map, and our address as others see it; of IPv4 if nobody asks for IPv6."""
        report = self._api.reaching()
        ipv6 = ip_protocol == "ipv6"
        known = report.families.get(ipv6)
        ports = () if known is None else known.ports
        return {
            "external_address": report.addresses[ipv6],
            "external_port": report.port if not ipv6 else report.own_port,
            "port_is_mapped": any(port.kind == "tcp" and port.use == PEERS for port in ports),
        }
