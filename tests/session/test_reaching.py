"""The port and addresses by which others reach us: mapped, told, believed, announced."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from p2pd.protocols.nat.mapping import PortKind
from p2pd.session.connecting.admission import Way
from p2pd.session.reaching import Reaching
from p2pd.session.reannouncing import Reannouncing
from p2pd.swarm.own_addresses import Side
from p2pd.swarm.preference import Preferences

OURS = "81.2.69.142"


class FakeMapping:
    """Remembers what it was asked; `outside` is its port."""

    def __init__(self, changed: Any, seen: Any) -> None:
        self.changed, self.seen = changed, seen
        self.announce = lambda: None
        self.outside = self.outside_tls = 0
        self.asked: list[Any] = []
        self.stopping: Deferred[None] = Deferred()

    def start(self, port: int) -> None:
        self.asked.append(("start", port))

    def map_tls(self, port: int) -> None:
        if port:
            self.asked.append(("tls", port))

    async def stop(self) -> None:
        self.asked.append("stop")
        await self.stopping

    def look(self) -> None:
        self.asked.append("look")

    def external_port(self, kind: PortKind = PortKind.TCP, *, ipv6: bool = False) -> int:
        return 0 if ipv6 or not self.outside else self.outside + (kind is PortKind.UDP)

    def external_tls_port(self, *, ipv6: bool = False) -> int:
        return 0 if ipv6 else self.outside_tls

    def status(self) -> dict[bool, Any]:
        return {}

    def measures(self) -> list[Any]:
        return []

    def map(self, port: int, tls_port: int = 0) -> None:
        self.outside, self.outside_tls = port, tls_port
        self.changed()
        self.announce()

    def stopped(self) -> None:
        stopping, self.stopping = self.stopping, Deferred()
        stopping.callback(None)


class Torrent:
    """One that runs."""

    def __init__(self, trackers: Any, way: Way) -> None:
        self.trackers, self.way, self.running = trackers, way, True


class Host:
    """A session, as far as it matters here."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.settings: Any = SimpleNamespace(port_forwarding_enabled=True)
        self.preferences = Preferences(random.Random(1))
        self.closing = False
        self.own_port, self.tls_port, self.uses_tls = 6881, 0, False
        self.announced: list[int] = []
        self.announced_tls: list[int] = []
        trackers = SimpleNamespace(reannounce=lambda: self.announced.append(self.reaching.port))
        by_tls = SimpleNamespace(
            reannounce=lambda: self.announced_tls.append(self.reaching.tls_port)
        )
        self.torrents = [
            Torrent(trackers, Way.OPEN),
            Torrent(by_tls, Way.TLS),
        ]
        self.mapping: Any = None
        self.reaching = self.reach(self._make)

    def reach(self, make: Any) -> Reaching:
        return Reaching(self, make, Reannouncing(self.clock, random.Random(1)))

    def announce(self) -> None:
        """Have those announce that are to."""
        self.clock.advance(2.0)

    def _make(self, changed: Any, seen: Any) -> FakeMapping:
        self.mapping = FakeMapping(changed, seen)
        self.mapping.announce = self.announce
        return self.mapping

    def background(self, work: Deferred[Any], what: str) -> None:
        pass


@pytest.fixture
def host() -> Host:
    return Host()


def test_another_port_outside_is_what_is_announced(host: Host) -> None:
    host.reaching.begin()
    assert host.mapping.asked == [("start", 6881)]
    assert host.reaching.port == host.preferences.port == 6881
    host.mapping.map(6881)
    assert host.announced == [], "nothing that anybody has to hear of"
    host.mapping.map(7000)
    assert host.announced == [7000]
    assert host.preferences.port == 7000
    host.mapping.map(0)
    assert host.announced == [7000, 6881]


def test_who_is_near_or_comes_by_ipv6_needs_no_gateway(host: Host) -> None:
    host.reaching.begin()
    host.mapping.map(7000)
    assert host.reaching.port_for("8.8.8.8") == 7000
    assert host.reaching.port_for("8.8.8.8", PortKind.UDP) == 7001
    assert host.reaching.port_for("2606:4700::1") == 6881
    assert host.reaching.port_for("192.168.1.5") == 6881
    assert host.reaching.port_for("fe80::1", PortKind.UDP) == 6881


def test_it_is_switched_off_and_on_while_it_runs(host: Host) -> None:
    host.settings.port_forwarding_enabled = False
    host.reaching.begin()
    assert host.mapping.asked == []
    host.settings.port_forwarding_enabled = True
    host.reaching.settings_changed()
    host.reaching.settings_changed()
    host.settings.port_forwarding_enabled = False
    host.reaching.settings_changed()
    assert host.mapping.asked == [("start", 6881), "stop"]
    assert not host.reaching.report().enabled
    host.settings.port_forwarding_enabled = True
    host.reaching.settings_changed()
    assert len(host.mapping.asked) == 2, "what is given back is waited for"
    host.mapping.stopped()
    assert host.mapping.asked[2:] == [("start", 6881)]


def test_at_the_end_the_port_is_given_back_and_nobody_is_told(host: Host) -> None:
    host.reaching.begin()
    host.mapping.map(7000)
    host.announced.clear()
    host.closing = True
    closed: list[Any] = []
    host.reaching.close().addCallback(closed.append)
    assert host.mapping.asked[-1] == "stop"
    host.mapping.map(0)
    host.reaching.settings_changed()
    assert closed == []
    host.mapping.stopped()
    assert closed == [None]
    assert host.announced == []


def test_a_port_for_tls_is_asked_for_while_a_torrent_has_a_certificate(host: Host) -> None:
    host.tls_port = 6882
    host.reaching.begin()
    assert host.mapping.asked == [("start", 6881)]
    host.uses_tls = True
    host.reaching.tls_changed()
    assert host.mapping.asked == [("start", 6881), ("tls", 6882)]


def test_who_comes_by_tls_is_told_the_port_outside_that_leads_there(host: Host) -> None:
    host.tls_port, host.uses_tls = 6882, True
    host.reaching.begin()
    host.mapping.map(6881)
    assert host.reaching.tls_port == host.reaching.tls_port_for("8.8.8.8") == 6882
    host.mapping.map(6881, 7002)
    assert (host.announced, host.announced_tls) == ([], [7002])
    assert host.reaching.tls_port_for("8.8.8.8") == 7002
    assert host.reaching.tls_port_for("192.168.1.5") == 6882
    assert host.reaching.tls_port_for("2606:4700::1") == 6882
    report = host.reaching.report()
    assert (report.own_tls_port, report.tls_port) == (6882, 7002)
    host.mapping.map(7000, 7002)
    assert (host.announced, host.announced_tls) == ([7000], [7002])


def test_where_nobody_listens_for_tls_there_is_no_port_for_it(host: Host) -> None:
    host.reaching.begin()
    host.mapping.map(7000, 7002)
    assert host.reaching.tls_port == host.reaching.tls_port_for("8.8.8.8") == 0
    assert host.announced_tls == []


def test_without_a_mapper_it_is_our_own_port(host: Host) -> None:
    alone = host.reach(None)
    alone.begin()
    alone.way_changed()
    assert alone.port == 6881
    assert not alone.report().enabled
    assert alone.close().called


def test_what_trackers_see_us_as_counts(host: Host) -> None:
    host.reaching.told("tracker", "tracker.example", OURS)
    host.reaching.told("peer", "8.8.8.8", OURS)
    assert host.reaching.report().addresses == {False: OURS, True: ""}
    assert host.reaching.report().votes[False] == {OURS: {"tracker": 1, "peer": 1}}
    assert str(host.preferences.own.seen_by(Side(4, public=True))) == OURS


def test_the_gateway_is_believed_and_forgotten_with_the_way(host: Host) -> None:
    version = host.preferences.version
    host.mapping.seen("192.168.1.1", OURS)
    assert str(host.preferences.own.seen_by(Side(4, public=True))) == OURS
    host.reaching.way_changed()
    assert host.preferences.own.seen_by(Side(4, public=True)) is None
    assert host.mapping.asked == ["look"]
    assert host.preferences.version == version + 2


def test_peers_on_our_own_network_count_for_that_alone(host: Host) -> None:
    for last in range(3):
        host.reaching.told("peer", f"192.168.1.{last + 2}", "192.168.1.77")
        host.reaching.told("peer", f"192.168.1.{last + 2}", OURS)
        host.reaching.told("peer", f"192.168.1.{last + 2}", "192.168.1.77")
    assert str(host.preferences.own.seen_by(Side(4, public=False))) == "192.168.1.77"
    assert host.reaching.report().votes[False] == {}
