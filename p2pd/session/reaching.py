"""The port and the addresses by which peers outside reach us, as far as is known.

The port is what a gateway maps to ours, or ours. Of the addresses whoever sees them tells: who is
on our own network for that alone (BEP 40 has peers there prefer each other), the others together.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from p2pd.base.addresses import canonical_host, is_local
from p2pd.base.clock import Clock
from p2pd.base.errors import FormatError
from p2pd.base.measures import Measure
from p2pd.protocols.nat.mapping import PortKind
from p2pd.reachability.external_address import ExternalAddresses
from p2pd.session.connecting.admission import Way
from p2pd.session.reaching_api import FamilyStatus, ReachingReport
from p2pd.session.reannouncing import Reannouncing
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.swarm.preference import Preferences


class PortMapping(Protocol):
    """What has ports mapped: reachability.port_mapper.PortMapper, or a test's stand-in."""

    def start(self, port: int) -> None:
        """Have this port mapped from now on."""

    def map_tls(self, port: int) -> None:
        """Have this one mapped, too, while ports are mapped; 0: none any more."""

    async def stop(self) -> None:
        """Give back what is mapped, within seconds."""

    def look(self) -> None:
        """Addresses or interfaces may have changed."""

    def external_port(self, kind: PortKind = PortKind.TCP, *, ipv6: bool = False) -> int:
        """The port outside; 0 when none is known."""

    def external_tls_port(self, *, ipv6: bool = False) -> int:
        """The same for the one of TLS."""

    def status(self) -> dict[bool, FamilyStatus]:
        """What is known, by family (true is IPv6)."""

    def measures(self) -> list[Measure]:
        """In numbers."""


MakePortMapping = Callable[[Callable[[], None], Callable[[str, str], None]], PortMapping]
"""Called with what to call when the mapping is another one, and with a gateway and our address as
it tells it."""


class ReachingHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    settings: SessionSettings
    preferences: Preferences
    closing: bool

    @property
    def torrents(self) -> Iterable[Any]: ...
    @property
    def own_port(self) -> int:
        """Where we listen; 0 while we do not."""

    @property
    def tls_port(self) -> int:
        """Where we listen for peers of TLS torrents; 0: nowhere."""

    @property
    def uses_tls(self) -> bool:
        """Whether there are torrents whose peers might come there."""

    def background(self, work: Deferred[Any], what: str) -> None: ...


class Announced(NamedTuple):
    """The ports that others were told of last."""

    port: int
    tls_port: int

    def of(self, torrent: Any) -> int:
        """The one that peers of this torrent dial."""
        return self.tls_port if torrent.way is Way.TLS else self.port


class Reaching:
    """One for a session; `make` None: no port is mapped, whatever the settings say."""

    def __init__(
        self, host: ReachingHost, make: MakePortMapping | None, reannouncing: Reannouncing
    ) -> None:
        self.external = ExternalAddresses(self._believed)
        self.reannouncing = reannouncing
        self._host = host
        self._mapping = None if make is None else make(self._mapped, self._told_by_gateway)
        self._on = False
        self._announced = Announced(0, 0)
        self._changing: Deferred[None] | None = None

    @property
    def port(self) -> int:
        """The port by which the internet reaches us by IPv4: what trackers and the DHT tell."""
        outside = 0 if self._mapping is None else self._mapping.external_port()
        return outside or self._host.own_port

    def port_for(self, host: str, kind: PortKind = PortKind.TCP) -> int:
        """The port by which who is at that IP address can dial us; the near need no gateway."""
        outside = 0
        if self._mapping is not None and not _near(host):
            outside = self._mapping.external_port(kind, ipv6=":" in host)
        return outside or self._host.own_port

    @property
    def tls_port(self) -> int:
        """The same of the one for TLS; 0: there is none."""
        ours = self._host.tls_port
        outside = 0 if self._mapping is None or not ours else self._mapping.external_tls_port()
        return outside or ours

    def tls_port_for(self, host: str) -> int:
        """The port for TLS by which who is at that IP address can dial us."""
        ours = self._host.tls_port
        outside = 0
        if self._mapping is not None and ours and not _near(host):
            outside = self._mapping.external_tls_port(ipv6=":" in host)
        return outside or ours

    def begin(self) -> None:
        """We listen, and torrents are here."""
        self._announced = Announced(self.port, self.tls_port)
        self._host.preferences.port = self.port
        self.settings_changed()
        self.tls_changed()

    def tls_changed(self) -> None:
        """There may be torrents whose peers come by TLS, or none any more: for nobody's sake no
        port is open.
        """
        if self._mapping is not None:
            self._mapping.map_tls(self._host.tls_port if self._host.uses_tls else 0)

    def settings_changed(self) -> None:
        """Ports are to be mapped, or not."""
        wanted = self._host.settings.port_forwarding_enabled and not self._host.closing
        if self._mapping is not None and wanted is not self._on and self._changing is None:
            self._on = wanted
            if wanted:
                self._mapping.start(self._host.own_port)
            else:
                self._changing = Deferred.fromCoroutine(self._mapping.stop())
                self._host.background(self._changing, "ports of the gateway")
                self._changing.addBoth(self._stopped)

    def close(self) -> Deferred[None]:
        """Give back what is mapped; the Deferred has an end within seconds."""
        self.reannouncing.close()
        if self._mapping is None:
            done: Deferred[None] = Deferred()
            done.callback(None)
            return done
        self._on = False
        return Deferred.fromCoroutine(self._mapping.stop())

    def way_changed(self) -> None:
        """We leave by another address or interface: what was told of the other does not hold."""
        self.external.forget()
        if self._mapping is not None:
            self._mapping.look()

    def told(self, source: str, voter: str, ours: str) -> None:
        """Somebody ("tracker", "peer", "dht") at an address, or by a name, sees us as `ours`."""
        if _near(voter):
            self._host.preferences.own.told(ours, voter)
        else:
            self.external.vote(source, voter, ours, self._host.clock.seconds())

    def report(self) -> ReachingReport:
        """All that is known."""
        return ReachingReport(
            enabled=self._on,
            own_port=self._host.own_port,
            port=self.port,
            own_tls_port=self._host.tls_port,
            tls_port=self.tls_port,
            families={} if self._mapping is None else self._mapping.status(),
            addresses={ipv6: self.external.best(ipv6) or "" for ipv6 in (False, True)},
            votes={ipv6: self.external.counts(ipv6) for ipv6 in (False, True)},
        )

    def measures(self) -> list[Measure]:
        """In numbers."""
        return [] if self._mapping is None else self._mapping.measures()

    def _stopped(self, result: Any) -> Any:
        """It may be wanted again by now."""
        self._changing = None
        self.settings_changed()
        return result

    def _mapped(self) -> None:
        """Where the port outside is another one, all who know us by it have to hear of it."""
        before, now = self._announced, Announced(self.port, self.tls_port)
        if self._host.closing or now == before or not before.port:
            return
        self._announced = now
        self._host.preferences.port = now.port
        self.reannouncing.begin(
            torrent for torrent in self._host.torrents if before.of(torrent) != now.of(torrent)
        )

    def _told_by_gateway(self, gateway: str, ours: str) -> None:
        self.external.vote("nat", gateway, ours, self._host.clock.seconds())

    def _believed(self) -> None:
        for ipv6 in (False, True):
            self._host.preferences.own.believe(self.external.best(ipv6), ipv6=ipv6)


def _near(voter: str) -> bool:
    try:
        return is_local(canonical_host(voter))
    except FormatError:
        return False  # a name
