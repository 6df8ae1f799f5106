"""Ports mapped by UPnP: the gateway is searched for, describes itself, and is asked by SOAP.

Only the gateway by which we leave is asked: another machine that answers the search is not
believed, nor is a description that leads elsewhere.
"""

from __future__ import annotations

import ipaddress
import random
from contextlib import suppress
from typing import Mapping, Sequence

from twisted.internet.defer import Deferred, TimeoutError

from p2pd.base.addresses import canonical_host
from p2pd.base.clock import Clock
from p2pd.base.errors import FormatError
from p2pd.protocols.nat import igd, ssdp
from p2pd.protocols.nat.device_http import DeviceUrl, device_url
from p2pd.protocols.nat.mapping import (
    Granted,
    NatFormatError,
    NatRefusalError,
    PortKind,
    checked_port,
)
from p2pd.reachability.gateway_link import Datagrams, GatewayLink, UnreachableError
from p2pd.reachability.gateways import Gateway
from p2pd.reachability.mapping_way import LEASE_SECONDS, Checked

SEARCHES = 2
SEARCH_SECONDS = 2.5
"""How long is waited for an answer to each: devices have two seconds."""

OTHER_PORTS = 5
"""Tried when the wished one is somebody else's."""

_NOT_KNOWN = (401, 602)
_CONFLICTS = (igd.CONFLICT, igd.OTHER_MECHANISM)
_NAME = "p2pd"


class UpnpWay:
    """UPnP with one gateway; `rng` chooses other ports."""

    name = "upnp"

    def __init__(
        self, clock: Clock, link: GatewayLink, gateway: Gateway, rng: random.Random
    ) -> None:
        self._clock = clock
        self._link = link
        self._gateway = gateway
        self._rng = rng
        self._service: igd.GatewayService | None = None
        self._lease = LEASE_SECONDS
        self._mapped: dict[tuple[PortKind, int], Granted] = {}

    async def map(self, kind: PortKind, port: int, wished: int) -> Granted:
        """See MappingWay."""
        service = self._service or await self._find()
        self._service = service
        external = await self._add(service, kind, port, wished)
        granted = self._mapped[kind, port] = Granted(port, external, self._lease)
        return granted

    async def unmap(self, kind: PortKind, granted: Granted) -> None:
        """See MappingWay."""
        self._mapped.pop((kind, granted.internal_port), None)
        if self._service is not None:
            await self._act(self._service, "DeletePortMapping", _entry(kind, granted.external_port))

    async def check(self) -> Checked:
        """See MappingWay."""
        if self._service is None:
            raise UnreachableError("it was not found")
        answer = await self._act(self._service, "GetExternalIPAddress", {})
        return Checked(
            _host(answer.get("NewExternalIPAddress", "")), await self._forgot(self._service)
        )

    def close(self) -> None:
        """See MappingWay."""

    # -- finding ------------------------------------------------------------------------------

    async def _find(self) -> igd.GatewayService:
        """The service that maps ports. Raises UnreachableError and NatFormatError."""
        url = await self._search()
        status, body = await self._link.ask(self._gateway, url, url.request("GET", {}))
        if status != 200:
            raise UnreachableError(f"its description is HTTP {status}")
        services = igd.read_description(body, url)
        if not services:
            raise UnreachableError("its description has nothing that maps ports")
        return await self._connected(services)

    async def _search(self) -> DeviceUrl:
        answered: Deferred[DeviceUrl] = Deferred()
        strangers: set[str] = set()

        def found(packet: bytes, host: str) -> None:
            if host != self._gateway.host:
                if len(strangers) < 8:
                    strangers.add(host)
                return
            with suppress(NatFormatError):
                url = device_url(ssdp.parse_answer(packet).location, host)
                if not answered.called:
                    answered.callback(url)

        socket = self._link.search(self._gateway, found)
        timers = []
        try:
            for search in range(SEARCHES):
                timers.append(
                    self._clock.callLater(search * SEARCH_SECONDS, _send_searches, socket)
                )
            answered.addTimeout(SEARCHES * SEARCH_SECONDS, self._clock)  # type: ignore[arg-type]
            return await answered
        except TimeoutError:
            others = f"; {', '.join(sorted(strangers))} did, and is not it" if strangers else ""
            raise UnreachableError(f"it does not answer{others}") from None
        finally:
            for timer in timers:
                if timer.active():
                    timer.cancel()
            socket.close()

    async def _connected(self, services: Sequence[igd.GatewayService]) -> igd.GatewayService:
        """Of several the first that is connected to the internet."""
        for service in services if len(services) > 1 else ():
            with suppress(NatRefusalError, NatFormatError, UnreachableError):
                answer = await self._act(service, "GetStatusInfo", {})
                if answer.get("NewConnectionStatus") == "Connected":
                    return service
        return services[0]

    # -- mapping ------------------------------------------------------------------------------

    async def _add(
        self, service: igd.GatewayService, kind: PortKind, port: int, wished: int
    ) -> int:
        """The external port."""
        if service.type == igd.IP_2:
            try:
                return await self._add_any(service, kind, port, wished)
            except igd.UpnpError as refusal:
                if refusal.code not in _NOT_KNOWN:
                    raise
        for attempt in range(OTHER_PORTS + 1):
            external = wished if attempt == 0 else self._rng.randrange(1024, 65536)
            try:
                await self._act_leased(service, "AddPortMapping", kind, port, external)
                return external
            except igd.UpnpError as refusal:
                if refusal.code not in _CONFLICTS or attempt == OTHER_PORTS:
                    raise
        raise AssertionError("not reached")

    async def _add_any(
        self, service: igd.GatewayService, kind: PortKind, port: int, wished: int
    ) -> int:
        answer = await self._act_leased(service, "AddAnyPortMapping", kind, port, wished)
        told = answer.get("NewReservedPort", "")
        if not (told.isascii() and told.isdigit() and len(told) <= 5):
            raise NatFormatError(f"it tells of port {told[:20]!r}")
        return checked_port(int(told))

    async def _act_leased(
        self, service: igd.GatewayService, action: str, kind: PortKind, port: int, external: int
    ) -> dict[str, str]:
        """Once more without an end, where the device knows no other mappings."""
        while True:
            wanted = {
                **_entry(kind, external),
                "NewInternalPort": str(port),
                "NewInternalClient": self._gateway.local_host,
                "NewEnabled": "1",
                "NewPortMappingDescription": _NAME,
                "NewLeaseDuration": str(self._lease),
            }
            try:
                return await self._act(service, action, wanted)
            except igd.UpnpError as refusal:
                no_lease = refusal.code in (igd.PERMANENT_ONLY, igd.INVALID_ARGS)
                if not no_lease or not self._lease:
                    raise
                self._lease = 0

    async def _forgot(self, service: igd.GatewayService) -> bool:
        """Whether a mapping of ours is not there any more."""
        for (kind, _), granted in list(self._mapped.items()):
            try:
                entry = _entry(kind, granted.external_port)
                await self._act(service, "GetSpecificPortMappingEntry", entry)
            except igd.UpnpError as refusal:
                if refusal.code == igd.NO_SUCH_ENTRY:
                    return True
        return False

    async def _act(
        self, service: igd.GatewayService, action: str, arguments: Mapping[str, str]
    ) -> dict[str, str]:
        request = igd.soap_request(service, action, arguments)
        status, body = await self._link.ask(self._gateway, service.control, request)
        return igd.parse_soap(action, status, body)


def _send_searches(socket: Datagrams) -> None:
    """All kinds at once; what cannot be sent is as if nobody had heard it."""
    for target in ssdp.GATEWAYS:
        with suppress(UnreachableError):
            socket.send(ssdp.search(target))


def _entry(kind: PortKind, external_port: int) -> dict[str, str]:
    return {
        "NewRemoteHost": "",
        "NewExternalPort": str(external_port),
        "NewProtocol": kind.value,
    }


def _host(text: str) -> str:
    """The IP address that a device tells; empty for what is none."""
    try:
        host = canonical_host(text)
    except FormatError:
        return ""
    return "" if ipaddress.ip_address(host).is_unspecified else host
