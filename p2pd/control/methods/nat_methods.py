"""p2pd's own: nat_status, the port that gateways map to ours, and our addresses outside."""

from __future__ import annotations

from collections.abc import Mapping

from txjsonrpc_ng.jsonrpc import BaseSubhandler

from p2pd.control.schema import JsonObject, takes
from p2pd.session.api import SessionApi
from p2pd.session.reaching_api import FamilyStatus, PortStatus, ReachingReport


class NatMethods(BaseSubhandler):  # type: ignore[misc]
    """The methods whose names start with `nat`."""

    def __init__(self, api: SessionApi) -> None:
        super().__init__()
        self._api = api

    @takes()
    async def jsonrpc_status(self) -> JsonObject:
        """What is known of the port, and for IPv4 and IPv6 of the gateway and our address."""
        report = self._api.reaching()
        reached = self._api.reached_at
        return {
            "enabled": report.enabled,
            "listen_port": report.own_port,
            "announced_port": report.port,
            "tls_listen_port": report.own_tls_port,
            "tls_announced_port": report.tls_port,
            **{name: _family(report, ipv6, reached) for name, ipv6 in FAMILIES.items()},
        }


FAMILIES = {"ipv4": False, "ipv6": True}


def _family(report: ReachingReport, ipv6: bool, reached: Mapping[str, float]) -> JsonObject:
    known = report.families.get(ipv6)
    return {
        **(_mapping(known) if known is not None else {"status": "off", "mappings": []}),
        "external_address": report.addresses[ipv6],
        "address_votes": [
            {"address": address, "votes": dict(votes)}
            for address, votes in report.votes[ipv6].items()
        ],
        "last_incoming_date": int(reached.get("ipv6" if ipv6 else "ipv4", 0.0)),
    }


def _mapping(known: FamilyStatus) -> JsonObject:
    errors = {name or "gateway": words for name, words in known.troubles.items()}
    return {
        "status": known.state,
        "protocol": known.protocol,
        "gateway": known.gateway,
        "gateway_external_address": known.external_host,
        "behind_another_nat": known.behind_nat,
        "local_address": known.local_host,
        "mappings": [_port(port) for port in known.ports],
        "errors": errors,
        "next_try_seconds": None if known.next_try is None else max(0, round(known.next_try)),
    }


def _port(port: PortStatus) -> JsonObject:
    return {
        "protocol": port.kind,
        "use": port.use,
        "internal_port": port.internal_port,
        "external_port": port.external_port,
        "lease_seconds": port.lease,
        "renewal_seconds": max(0, round(port.renewal)),
        "expiry_seconds": None if port.expiry is None else max(0, round(port.expiry)),
    }
