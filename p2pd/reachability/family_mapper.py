"""The ports of one family of addresses: mapped, renewed, looked after, and given back.

PCP, NAT-PMP and UPnP are tried in this order until one maps the TCP port; then that one is renewed
after half of its lease. In between the gateway is asked whether it is still the same, and the
routing table whether it is still the way out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum
from typing import Callable, NamedTuple, NoReturn, Sequence

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import P2pdError
from p2pd.protocols.nat.mapping import Granted, NatFormatError, NatRefusalError, PortKind
from p2pd.reachability.announcements import Announcements
from p2pd.reachability.gateway_link import UnreachableError
from p2pd.reachability.gateways import Gateway, Gateways, NoGatewayError
from p2pd.reachability.mapping_way import MappingWay

LOOK_SECONDS = 20.0
"""Between two looks at the routing table."""

CHECK_SECONDS = 300.0
"""Between two questions to the gateway whether it is still the same."""

FIRST_WAIT, LONGEST_WAIT = 60.0, 3600.0
"""Between two attempts when nothing maps the port; doubled each time."""

SHORTEST_RENEWAL, LONGEST_RENEWAL = 30.0, 12 * 3600.0
PERMANENT_RENEWAL = 1800.0
"""A mapping without an end is made anew after so many seconds, too: gateways forget."""

RELEASE_SECONDS = 2.0
"""What giving mappings back may take."""

PROBLEMS = (UnreachableError, NatRefusalError, NatFormatError)

Ways = Callable[[Gateway], Sequence[MappingWay]]
"""The protocols to try with a gateway, in order."""


Overhear = Callable[[Gateway, Callable[[], None]], Announcements]
"""Has something called when a gateway tells that it was started anew."""


class MappingState(Enum):
    """What a family's ports are; the values are the API's words."""

    OFF = "off"
    NO_GATEWAY = "no_gateway"
    TRYING = "trying"
    MAPPED = "mapped"
    FAILED = "failed"


class OwnPort(NamedTuple):
    """A port of ours."""

    kind: PortKind
    port: int


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A port that is mapped; times are those of the clock, 0 for a mapping without an end."""

    own: OwnPort
    granted: Granted
    renew_at: float
    expires_at: float


class _MovedError(P2pdError):
    """Another gateway is the way out, or none, or we have another address."""


class FamilyMapper:
    """Maps the ports of one family.

    `changed` is called when a port outside, an address or the state is another one; `seen` with
    the gateway and the address that it says is its own outside.
    """

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        gateways: Gateways,
        ways: Ways,
        overhear: Overhear,
        *,
        ipv6: bool,
        changed: Callable[[], None],
        seen: Callable[[str, str], None],
    ) -> None:
        self.ipv6 = ipv6
        self.state = MappingState.OFF
        self.gateway: Gateway | None = None
        self.external_host = ""
        self.mappings: dict[OwnPort, PortMapping] = {}
        self.troubles: dict[str, str] = {}
        """Why it is not better, by protocol; of no gateway under an empty name."""
        self.next_try_at = 0.0
        self.renewals = self.failures = self.restarts = 0
        self._clock = clock
        self._rng = rng
        self._gateways = gateways
        self._ways = ways
        self._overhear = lambda gateway: overhear(gateway, self.hurry)
        self._changed = changed
        self._seen = seen
        self._port = 0
        self._tls_port = 0
        self._other_ports = False
        """Whether other ones are to be mapped than were when they were last."""
        self._way: MappingWay | None = None
        self._running: Deferred[None] | None = None
        self._sleeping: Deferred[None] | None = None
        self._told: object = None
        self._hurry = False

    @property
    def protocol(self) -> str:
        """What maps the ports; empty when nothing does."""
        return self._way.name if self._way is not None and self.mappings else ""

    def start(self, port: int) -> None:
        """Have this port mapped from now on, by TCP and UDP."""
        self._port = port
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._ended)

    def map_tls(self, port: int) -> None:
        """Have this one mapped, too, by TCP; 0: none any more. It may be called before `start`."""
        if port != self._tls_port:
            self._tls_port = port
            self._other_ports = True
            if self.state is MappingState.MAPPED:
                self.look()

    def hurry(self) -> None:
        """The gateway may have been started anew: ask it now."""
        self._hurry = True
        self.look()

    def look(self) -> None:
        """See now whether the way out is another one."""
        if self._sleeping is not None and not self._sleeping.called:
            self._sleeping.callback(None)

    async def stop(self) -> None:
        """Give the mappings back, within RELEASE_SECONDS."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
        way, mappings = self._way, dict(self.mappings)
        if way is not None:
            await self._release(way, mappings)
            way.close()
        self.gateway = None
        self.troubles = {}
        self.next_try_at = 0.0
        self._lose(MappingState.OFF)

    # -- the loop -----------------------------------------------------------------------------

    async def _run(self) -> None:
        attempts = 0
        while True:
            try:
                gateway, began = await self._find(), self._clock.seconds()
                if await self._attempt(gateway):
                    attempts = 0
                    if self._clock.seconds() - began >= LOOK_SECONDS:
                        continue  # it worked for a while: look for it anew, at once
                wait = min(FIRST_WAIT * 2.0 ** min(attempts, 10), LONGEST_WAIT)
                attempts += 1
                self.next_try_at = self._clock.seconds() + wait * self._rng.uniform(1.0, 1.25)
                await self._rest(self.next_try_at, gateway)
            except _MovedError:
                attempts = 0

    async def _attempt(self, gateway: Gateway) -> bool:
        """Whether it worked, until now. Raises _MovedError."""
        self._hurry = False
        self.next_try_at = 0.0
        self.troubles = {}
        self._lose(MappingState.TRYING)
        try:
            if await self._serve(gateway):
                return True
        except (CancelledError, _MovedError):
            raise
        except Exception:  # a mistake of ours is no reason to have no port for ever
            self.log.failure("the port could not be mapped")
        self.failures += 1
        self._lose(MappingState.FAILED)
        return False

    async def _find(self) -> Gateway:
        """The gateway, as soon as there is one."""
        while True:
            try:
                self.gateway = self._gateways.find(self.ipv6)
                return self.gateway
            except NoGatewayError as problem:
                self.gateway = None
                self.troubles = {"": str(problem)}
                self._lose(MappingState.NO_GATEWAY)
            await self._sleep(LOOK_SECONDS)

    async def _serve(self, gateway: Gateway) -> bool:
        """Map and keep it so; false when nothing could be mapped, true when it is no longer."""
        for way in self._ways(gateway):
            self._way = way
            try:
                await self._map(way, gateway)
            except PROBLEMS as problem:
                self.troubles[way.name] = str(problem)
                self._drop_way()
                continue
            announcements = self._overhear(gateway)
            try:
                await self._keep(way, gateway)
            except PROBLEMS as problem:
                self.log.warn(
                    "{gateway} maps the port no longer ({way}): {problem}",
                    gateway=gateway.host, way=way.name, problem=problem,
                )  # fmt: skip
                self._drop_way()
                return True
            finally:
                announcements.close()
        return False

    async def _keep(self, way: MappingWay, gateway: Gateway) -> NoReturn:
        """Raises PROBLEMS when it is not kept, and _MovedError."""
        await self._check(way, gateway)
        while True:
            renew_at = min(mapping.renew_at for mapping in self.mappings.values())
            await self._rest(min(renew_at, self._clock.seconds() + CHECK_SECONDS), gateway)
            self._hurry = False
            if self._other_ports:
                await self._map(way, gateway)
            elif self._clock.seconds() < renew_at:
                await self._check(way, gateway)
            else:
                await self._map(way, gateway)
                self.renewals += 1

    async def _check(self, way: MappingWay, gateway: Gateway) -> None:
        """Who does not answer this may still answer what matters."""
        try:
            checked = await way.check()
        except UnreachableError:
            await self._map(way, gateway)
            return
        except (NatRefusalError, NatFormatError):
            return
        self._saw(gateway, checked.external_host)
        if checked.restarted:
            self.restarts += 1
            await self._map(way, gateway)
        self._tell()

    # -- mapping ------------------------------------------------------------------------------

    async def _map(self, way: MappingWay, gateway: Gateway) -> None:
        """Map or renew all ports. Raises PROBLEMS when TCP's cannot be."""
        tls_port, self._other_ports = self._tls_port, False
        tcp = await self._map_one(way, OwnPort(PortKind.TCP, self._port), self._port)
        troubles = [
            await self._map_besides(
                way, "UDP", OwnPort(PortKind.UDP, self._port), tcp.external_port
            )
        ]
        await self._give_back_others(way, tls_port)
        if tls_port:
            own = OwnPort(PortKind.TCP, tls_port)
            troubles.append(await self._map_besides(way, "TLS", own, tls_port))
        self.troubles.pop(way.name, None)
        if any(troubles):
            self.troubles[way.name] = "; ".join(filter(None, troubles))
        if self.state is not MappingState.MAPPED:
            self.state = MappingState.MAPPED
            self.log.info(
                "{gateway} maps port {external} to ours, {port} ({way})",
                gateway=gateway.host, external=tcp.external_port, port=self._port, way=way.name,
            )  # fmt: skip
        self._saw(gateway, tcp.external_host)
        self._tell()

    async def _map_besides(self, way: MappingWay, name: str, own: OwnPort, wished: int) -> str:
        """One without which it goes, too; why it is not mapped, in words."""
        try:
            await self._map_one(way, own, wished)
        except PROBLEMS as problem:
            self.mappings.pop(own, None)
            return f"{name}: {problem}"
        return ""

    async def _give_back_others(self, way: MappingWay, tls_port: int) -> None:
        others = [own for own in self.mappings if own.port not in (self._port, tls_port)]
        await self._release(way, {own: self.mappings.pop(own) for own in others})

    async def _map_one(self, way: MappingWay, own: OwnPort, wished: int) -> Granted:
        before = self.mappings.get(own)
        granted = await way.map(
            own.kind, own.port, wished if before is None else before.granted.external_port
        )
        now = self._clock.seconds()
        half = granted.lease * self._rng.uniform(0.5, 0.55) if granted.lease else PERMANENT_RENEWAL
        renew_at = now + min(max(half, SHORTEST_RENEWAL), LONGEST_RENEWAL)
        expires_at = now + granted.lease if granted.lease else 0.0
        self.mappings[own] = PortMapping(own, granted, renew_at, expires_at)
        return granted

    def _saw(self, gateway: Gateway, external_host: str) -> None:
        if external_host:
            self.external_host = external_host
            self._seen(gateway.host, external_host)

    async def _release(self, way: MappingWay, mappings: dict[OwnPort, PortMapping]) -> None:
        ending = [
            Deferred.fromCoroutine(way.unmap(own.kind, mapping.granted))
            for own, mapping in mappings.items()
        ]
        for each in ending:
            each.addTimeout(RELEASE_SECONDS, self._clock)  # type: ignore[arg-type]
        await DeferredList(ending, consumeErrors=True)

    # -- time ---------------------------------------------------------------------------------

    async def _rest(self, until: float, gateway: Gateway) -> None:
        """Wait, unless there is hurry. Raises _MovedError when another gateway is the way out."""
        while (left := until - self._clock.seconds()) > 0 and not self._is_called():
            await self._sleep(min(left, LOOK_SECONDS))
            try:
                now = self._gateways.find(self.ipv6)
            except NoGatewayError as problem:
                raise _MovedError(str(problem)) from None
            if now != gateway:
                raise _MovedError("there is another gateway")

    def _is_called(self) -> bool:
        """Whether there is something to do: other ports only for who has a way to map them."""
        return self._hurry or (self._other_ports and self._way is not None)

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until `look`."""
        sleeping: Deferred[None] = Deferred()
        timer: DelayedCall = self._clock.callLater(seconds, sleeping.callback, None)
        self._sleeping = sleeping
        try:
            await sleeping
        finally:
            if timer.active():
                timer.cancel()

    # -- what is told -------------------------------------------------------------------------

    def _lose(self, state: MappingState) -> None:
        self._drop_way()
        self.mappings.clear()
        self.external_host = ""
        self.state = state
        self._tell()

    def _drop_way(self) -> None:
        way, self._way = self._way, None
        if way is not None:
            way.close()

    def _tell(self) -> None:
        ports = {own: mapping.granted.external_port for own, mapping in self.mappings.items()}
        told = self.state, ports, self.external_host
        if told != self._told:
            self._told = told
            self._changed()

    def _ended(self, reason: Failure) -> None:
        if not reason.check(CancelledError):
            self.state = MappingState.FAILED
            self.log.failure("ports are not mapped any more", failure=reason)
