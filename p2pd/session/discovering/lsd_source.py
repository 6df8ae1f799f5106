"""Neighbours as a source of peers (BEP 14): which torrents are announced to them, and who hears.

A torrent is announced while it runs, at rest too, unless it is private or may be (BEP 27). One at
rest is woken for a neighbour only now and then: most neighbours hear of it, and come by themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol, Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock, DelayedCall
from p2pd.discovery.allowances import Allowances
from p2pd.discovery.lsd.rounds import Rounds
from p2pd.discovery.source_report import LSD, SourceReport
from p2pd.session.connecting.admission import Way
from p2pd.session.discovering.lsd_network import LsdNetwork
from p2pd.session.settings.session_settings import SessionSettings

IS_OFF = "local discovery is switched off (lpd_enabled)"
NOT_THERE = "there is no local discovery"
NO_PORT = "there is no port at which neighbours could reach it"
NO_NETWORK = "there is no network with neighbours"

WAKES_AT_ONCE = 20
WAKE_SECONDS = 5.0
"""For each of which one more torrent at rest may hear of a neighbour."""
AGAIN_SECONDS = 3600.0
"""After which a torrent at rest may hear of the same neighbour again."""
REMEMBERED = 2048
"""Neighbours that torrents at rest heard of."""


class LsdHost(Protocol):
    """What is needed of the session."""

    clock: Clock
    settings: SessionSettings

    @property
    def own_port(self) -> int: ...
    @property
    def tls_port(self) -> int: ...
    def torrent_by_wire_id(self, info_hash: bytes) -> Any: ...
    def wall(self) -> float: ...


class LsdSource:
    """All torrents of a session in the local network (source_report.DiscoverySource)."""

    name = LSD

    def __init__(self, host: LsdHost, network: LsdNetwork | None, timers: Clock) -> None:
        self._host = host
        self._network = network
        self._timers = timers
        self._rounds: Rounds[Any] = Rounds(lambda torrent: len(torrent.info_hashes.wire_ids))
        self._wake: DelayedCall | None = None
        self._woken: OrderedDict[tuple[int, PeerAddress], float] = OrderedDict()
        self._wakes: Allowances[None] = Allowances(WAKES_AT_ONCE, WAKE_SECONDS)
        self._closed = False
        if network is not None:
            network.heard = self._heard
            network.changed = self._network_changed

    # -- torrents ------------------------------------------------------------------------------

    def started(self, torrent: Any) -> None:
        """It runs, and may be announced."""
        if self._network is not None and not torrent.why_untold and torrent not in self._rounds:
            self._rounds.add(torrent, self._now)
            self._go_on()

    def stopped(self, torrent: Any) -> None:
        """It runs no more, or is private."""
        self._rounds.remove(torrent)

    def reannounce(self, torrent: Any) -> None:
        """Somebody wants peers for it now."""
        if torrent in self._rounds:
            self._rounds.add(torrent, self._now)
            self._go_on()

    # -- the network ---------------------------------------------------------------------------

    def settings_changed(self) -> None:
        """It is to be on, or off."""
        if self._network is not None and not self._closed:
            self._network.switch(self._host.settings.lpd_enabled)
            self._go_on()

    def close(self) -> None:
        """The session ends."""
        self._closed = True
        self._sleep()
        if self._network is not None:
            self._network.close()

    def _network_changed(self) -> None:
        self._rounds.everybody(self._now)
        self._go_on()

    # -- for readers ---------------------------------------------------------------------------

    def report(self, torrent: Any) -> SourceReport:
        """When it was announced or told of somebody, and when it will be announced."""
        why_not = self._why_not(torrent)
        announced = self._wall_of(self._rounds.announced(torrent))
        return SourceReport(
            self.name,
            enabled=not why_not,
            why_not=why_not,
            found=torrent.found_by(self.name),
            last_at=max(filter(None, (announced, torrent.told_at(self.name))), default=None),
            next_at=None if why_not else self._wall_of(self._rounds.due(torrent), least=0.0),
            error="" if self._network is None or why_not else self._network.trouble,
        )

    def _why_not(self, torrent: Any) -> str:
        if self._network is None:
            return NOT_THERE
        if torrent.why_untold:
            return str(torrent.why_untold)
        if not self._host.settings.lpd_enabled:
            return IS_OFF
        if not self._port_of(torrent):
            return NO_PORT
        return "" if self._network.networks else self._network.trouble or NO_NETWORK

    def _wall_of(self, moment: float | None, least: float = float("-inf")) -> float | None:
        return None if moment is None else self._host.wall() + max(least, moment - self._now)

    # -- announcing ----------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self._host.clock.seconds()

    def _go_on(self) -> None:
        """Wake when the next datagram is due."""
        self._sleep()
        network = self._network
        if network is None or self._closed or not network.networks:
            return
        due = self._rounds.next_due(self._now)
        if due is not None:
            self._wake = self._timers.callLater(max(0.0, due - self._now), self._announce)

    def _announce(self) -> None:
        assert self._network is not None
        torrents = self._rounds.take(self._now)
        for port, those in self._by_port(torrents).items():
            ids = [each for one in those for each in one.info_hashes.wire_ids]
            if not port or not self._network.announce(ids, port):
                self._rounds.missed(those)
            for torrent in those:
                torrent.discovery_changed()
        self._go_on()

    def _by_port(self, torrents: Sequence[Any]) -> dict[int, list[Any]]:
        """A datagram tells one port; TLS torrents have one of their own. 0: there is none."""
        found: dict[int, list[Any]] = {}
        for torrent in torrents:
            found.setdefault(self._port_of(torrent), []).append(torrent)
        return found

    def _port_of(self, torrent: Any) -> int:
        return self._host.tls_port if torrent.way is Way.TLS else self._host.own_port

    def _sleep(self) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None

    # -- hearing -------------------------------------------------------------------------------

    def _heard(self, address: PeerAddress, info_hashes: Sequence[bytes]) -> None:
        if self._closed or not self._host.settings.lpd_enabled:
            return
        for info_hash in info_hashes:
            torrent = self._host.torrent_by_wire_id(info_hash)
            wanted = torrent is not None and torrent.running and not torrent.why_untold
            if wanted and self._is_told(torrent, address):
                assert self._network is not None
                self._network.counts.peers += 1
                torrent.add_peers([address], self.name)

    def _is_told(self, torrent: Any, address: PeerAddress) -> bool:
        """To dial somebody wakes a torrent that rests, so that is rationed."""
        if not torrent.resting:
            return True
        now, key = self._now, (torrent.record.id, address)
        if now - self._woken.get(key, float("-inf")) < AGAIN_SECONDS:
            return False
        if not self._wakes.take(None, now):
            return False
        self._woken[key] = now
        self._woken.move_to_end(key)
        if len(self._woken) > REMEMBERED:
            self._woken.popitem(last=False)
        return True
