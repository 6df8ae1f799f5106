"""p2pctl nat: which port of which gateway leads to the daemon, and as what others see it."""

from __future__ import annotations

from typing import Any, Iterator

import click

from p2pd.clients.api_client import JsonObject
from p2pd.clients.cli.invocation import Invocation, api_options, in_words, pass_invocation
from p2pd.clients.text import moment, plain

_NAMES = {"pcp": "PCP", "natpmp": "NAT-PMP", "upnp": "UPnP", "gateway": "the gateway"}
_STATES = {
    "off": "no port is asked for",
    "no_gateway": "there is no gateway to ask",
    "trying": "a gateway is being asked",
    "failed": "no gateway maps the port",
}


@click.command()
@api_options
@pass_invocation
def nat(invocation: Invocation) -> None:
    """Tell which port of a gateway leads to the daemon, and which address others see it at."""
    with in_words():
        answer = invocation.client.call("nat_status")
    if invocation.as_json:
        invocation.tell(answer)
        return
    for line in _lines(answer):
        invocation.say(line)


def _lines(answer: JsonObject) -> Iterator[str]:
    own, told = answer["listen_port"], answer["announced_port"]
    yield f"port {told}" + ("" if own == told else f" outside, {own} here")
    if own_tls := answer.get("tls_listen_port"):
        told = answer["tls_announced_port"]
        yield f"TLS port {told}" + ("" if own_tls == told else f" outside, {own_tls} here")
    if not answer["enabled"]:
        yield "gateways are not asked for a port: port_forwarding_enabled is false"
    for family in ("ipv4", "ipv6"):
        yield from _family(family.replace("ip", "IP"), answer[family], answer["enabled"])


def _family(name: str, known: JsonObject, enabled: bool) -> Iterator[str]:
    if enabled:
        yield f"{name}: {_mapping(known)}"
        for protocol, words in known.get("errors", {}).items():
            yield f"  {_NAMES.get(protocol, plain(protocol))}: {plain(words)}"
        if known.get("next_try_seconds") is not None:
            yield f"  the next attempt is in {known['next_try_seconds']} s"
    yield f"{name}: {_address(known)}"
    if known["last_incoming_date"]:
        yield f"{name}: somebody outside connected last {moment(known['last_incoming_date'])}"


def _mapping(known: JsonObject) -> str:
    if known["status"] != "mapped":
        return _STATES.get(known["status"], plain(known["status"]))
    ports = ", ".join(_port(port) for port in known["mappings"])
    words = f"{plain(known['gateway'])} maps {ports} ({_NAMES.get(known['protocol'], '?')})"
    if known["behind_another_nat"]:
        outside = plain(known["gateway_external_address"])
        words += f"; but its own address, {outside}, is none of the internet: another NAT is there"
    return words


def _port(port: dict[str, Any]) -> str:
    lease = port["expiry_seconds"]
    until = "without an end" if lease is None else f"for {lease} s"
    name = "TLS" if port.get("use") == "tls" else plain(port["protocol"]).upper()
    return f"{name} {port['external_port']} to {port['internal_port']} {until}"


def _address(known: JsonObject) -> str:
    told = "; ".join(
        f"{plain(each['address'])} by "
        + ", ".join(f"{count} {plain(source)}" for source, count in each["votes"].items())
        for each in known["address_votes"]
    )
    address = plain(known["external_address"]) or "our address outside is not known"
    return f"{address} (told: {told})" if told else address
