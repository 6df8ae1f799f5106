"""The port outside for peers of TLS torrents: when it is wanted, and who is told of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pd.protocols.nat.mapping import PortKind
from p2pd.session.reaching import Reaching
from p2pd.session.reannouncing import Reannouncing
from p2pd.testing import MemoryNetwork, SimNode
from p2pd.testing.torrents import make_torrent
from tests.session.tls_swarm import FILES, TLS_PORT, give, node, of_everybody, tls_torrent

OUTSIDE = 7002


class Router:
    """Maps what it is asked for to ports of its own."""

    def __init__(self, changed: Any, seen: Any) -> None:
        self.changed = changed
        self.tls_port = 0

    def start(self, port: int) -> None: ...
    def map_tls(self, port: int) -> None:
        if port != self.tls_port:
            self.tls_port = port
            self.changed()

    async def stop(self) -> None: ...
    def look(self) -> None: ...
    def external_port(self, kind: PortKind = PortKind.TCP, *, ipv6: bool = False) -> int:
        return 7000

    def external_tls_port(self, *, ipv6: bool = False) -> int:
        return OUTSIDE if self.tls_port else 0

    def status(self) -> dict[bool, Any]:
        return {}

    def measures(self) -> list[Any]:
        return []


@pytest.fixture
def behind(network: MemoryNetwork) -> tuple[SimNode, Router]:
    at = node(network, "10.0.0.1")
    session = at.session
    session.reaching = Reaching(session, Router, Reannouncing(network.clock, random.Random(1)))
    session.reaching.begin()
    router: Any = session.reaching._mapping
    return at, router


def test_a_torrent_with_a_certificate_has_the_port_mapped_until_it_goes(
    network: MemoryNetwork, behind: tuple[SimNode, Router]
) -> None:
    at, router = behind
    torrent = at.add(tls_torrent())
    network.run(1)
    assert router.tls_port == 0, "nobody could come there"
    assert torrent.listen_port == TLS_PORT
    give(at, torrent, of_everybody())
    assert router.tls_port == TLS_PORT
    assert (torrent.listen_port, torrent.port_for("8.8.8.8")) == (OUTSIDE, OUTSIDE)
    assert torrent.port_for("10.0.0.2") == TLS_PORT, "who is near needs no router"
    in_the_open = at.add(make_torrent(FILES))
    assert (in_the_open.listen_port, in_the_open.port_for("8.8.8.8")) == (7000, 7000)
    removing = Deferred.fromCoroutine(at.session.remove(torrent, delete_data=False))
    network.run(5)
    assert removing.called
    assert router.tls_port == 0


def test_a_torrent_whose_certificate_is_taken_away_wants_no_port(
    network: MemoryNetwork, behind: tuple[SimNode, Router]
) -> None:
    at, router = behind
    torrent = at.add(tls_torrent())
    give(at, torrent, of_everybody())
    view = at.control.find(torrent.record.id)
    network.result(at.control.certificates.take_away(view))
    network.run(1)
    assert router.tls_port == 0


def test_without_a_port_for_tls_none_is_asked_for(network: MemoryNetwork) -> None:
    closed = node(network, "10.0.0.2", tls_port=0)
    closed.session.reaching = Reaching(
        closed.session, Router, Reannouncing(network.clock, random.Random(1))
    )
    torrent = closed.add(tls_torrent())
    give(closed, torrent, of_everybody())
    found: Any = closed.session.reaching._mapping
    assert found.tls_port == 0
    assert torrent.listen_port == 0
