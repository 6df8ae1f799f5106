"""UPnP's Internet Gateway Device, versions 1 and 2: its description, and SOAP to its services.

Known are WANIPConnection:1 and :2 and WANPPPConnection:1. A device may
say what it likes: a URL that leads to another host than the one that described itself is refused,
so nobody can have us ask servers of his choice.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Mapping
from urllib.parse import urljoin
from xml.sax.saxutils import escape

from p2pd.protocols.nat.device_http import DeviceUrl, device_url
from p2pd.protocols.nat.device_xml import Element, read_xml
from p2pd.protocols.nat.mapping import NatFormatError, NatRefusalError, printable

_SERVICE = "urn:schemas-upnp-org:service:"
IP_2 = _SERVICE + "WANIPConnection:2"
IP_1 = _SERVICE + "WANIPConnection:1"
PPP_1 = _SERVICE + "WANPPPConnection:1"

CONNECTIONS = (IP_2, IP_1, PPP_1)
"""Services that map ports, the best first."""

MOST_SERVICES = 16
"""Looked at of one device."""

INVALID_ARGS = 402
ACTION_FAILED = 501
NOT_AUTHORIZED = 606
NO_SUCH_ENTRY = 714
EXTERNAL_WILDCARD = 716
CONFLICT = 718
SAME_PORTS = 724
PERMANENT_ONLY = 725
REMOTE_WILDCARD_ONLY = 726
EXTERNAL_WILDCARD_ONLY = 727
NO_MAPS_LEFT = 728
OTHER_MECHANISM = 729

_ERRORS = {
    401: "it does not know the action",
    INVALID_ARGS: "it calls the arguments invalid",
    ACTION_FAILED: "the action failed",
    NOT_AUTHORIZED: "it is not authorized",
    NO_SUCH_ENTRY: "there is no such mapping",
    715: "it does not map for everybody outside",
    EXTERNAL_WILDCARD: "it takes no external port but one that is named",
    CONFLICT: "another machine has that port",
    SAME_PORTS: "it maps a port only to the same port",
    PERMANENT_ONLY: "it knows only mappings without an end",
    REMOTE_WILDCARD_ONLY: "it maps only for everybody outside",
    EXTERNAL_WILDCARD_ONLY: "it maps only all ports at once",
    NO_MAPS_LEFT: "it has no room for more mappings",
    OTHER_MECHANISM: "the port is in use by something else in it",
    732: "it does not map any port to any",
}
"""WANIPConnection:2, section 2.5; UPnP Device Architecture 1.1, table 3-3."""


@dataclass(frozen=True, slots=True)
class GatewayService:
    """One service of a gateway: its type, and where it is controlled."""

    type: str
    control: DeviceUrl


class UpnpError(NatRefusalError):
    """The device refused; `code` is UPnP's number, 0 without one."""

    def __init__(self, code: int, description: str = "") -> None:
        said = printable(description)
        unknown = f"it refuses with code {code}" + (f": {said}" if said else "")
        super().__init__(code, _ERRORS.get(code, unknown))


def read_description(data: bytes, url: DeviceUrl) -> tuple[GatewayService, ...]:
    """The services in a description that came from `url`, the best first. Raises NatFormatError.

    Services whose control is elsewhere than at the same host are left out.
    """
    root = read_xml(data)
    bases = [base for base in (root.value("URLBase"), url.text) if base]
    found: list[GatewayService] = []
    for element in root.walk():
        if element.name == "service" and len(found) < MOST_SERVICES:
            service = _service(element, bases, url)
            if service is not None and service not in found:
                found.append(service)
    return tuple(sorted(found, key=lambda service: CONNECTIONS.index(service.type)))


def _service(element: Element, bases: list[str], url: DeviceUrl) -> GatewayService | None:
    """Its control is relative to the first base; where that is a wrong one, to the second."""
    kind = element.value("serviceType")
    control = element.value("controlURL")
    if kind in CONNECTIONS and control:
        for base in bases:
            with suppress(ValueError):
                return GatewayService(kind, device_url(urljoin(base, control), url.host))
    return None


def soap_request(service: GatewayService, action: str, arguments: Mapping[str, str]) -> bytes:
    """The HTTP request that performs an action; `arguments` are in the order of its declaration."""
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments.items())
    body = (
        '<?xml version="1.0"?>\r\n'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
        f'<u:{action} xmlns:u="{service.type}">{inside}</u:{action}></s:Body></s:Envelope>\r\n'
    ).encode()
    return service.control.request(
        "POST",
        {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": f'"{service.type}#{action}"'},
        body,
    )


def parse_soap(action: str, status: int, data: bytes) -> dict[str, str]:
    """What an action answered, by name. Raises UpnpError for a refusal, and NatFormatError."""
    try:
        root = read_xml(data)
    except NatFormatError:
        if status != 200:
            raise UpnpError(0, f"HTTP {status}") from None
        raise
    for element in root.walk():
        if element.name == "UPnPError":
            raise UpnpError(_number(element.value("errorCode")), element.value("errorDescription"))
        if element.name == "Fault" and element.child("detail") is None:
            raise UpnpError(0, element.value("faultstring"))
        if element.name == f"{action}Response" and status == 200:
            return {each.name: each.text for each in element.children}
    if status != 200:
        raise UpnpError(0, f"HTTP {status}")
    raise NatFormatError(f"it does not answer {action}")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
