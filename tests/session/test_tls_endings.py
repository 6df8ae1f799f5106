"""Connections of TLS torrents end with the certificates that they were made with."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from p2pd.formats.x509.pem import read_certificate
from p2pd.session.tls.tls_api import GivenCertificate, TlsState
from p2pd.session.tls.validity import LOOK_SECONDS, Validity
from p2pd.testing import MemoryNetwork, SimNode
from tests.session.test_tls_revocation import revoking, swarm, take
from tests.session.tls_swarm import DAY, LATE, Authority, authority, give, of_everybody

SECOND = DAY / 86_400


class Wall:
    """The wall clock of a node, which may be set."""

    def __init__(self, at: SimNode, patch: pytest.MonkeyPatch) -> None:
        self._network = at.network
        self._ahead = 0.0
        self._wall = at.session.wall
        for owner, name in ((at.session, "wall"), (at.session.tls._validity, "_wall")):
            patch.setattr(owner, name, lambda: self._wall() + self._ahead)

    def put(self, moment: datetime) -> None:
        """It says this now."""
        self._ahead = moment.timestamp() - self._wall()

    def back(self) -> None:
        """It is right again."""
        self._ahead = 0.0


def by_another(end: datetime = LATE) -> tuple[GivenCertificate, GivenCertificate]:
    """A certificate by an authority between the CA and peers, and the one that this has."""
    between = authority().issue(subject="between", ca=True, uses=(), end=end)
    other = Authority.of(between, "between")
    own = other.issue("*")
    chain = own.certificate + between.certificate
    return GivenCertificate(chain, own.private_key), between


def refusals(logged: list[Any]) -> str:
    """What was said in the log."""
    said = (f"{each.get('reason', '')} {each.get('why', '')}" for each in logged)
    return " ".join(said)


def test_a_connection_ends_with_what_vouched_for_its_peer(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = by_another(end=LATE - DAY)
    (seed, _), (had, _) = swarm(network, of_everybody(), own)
    (peer,) = had.connected
    assert len(peer.certificate.between) == 1
    wall = Wall(seed, monkeypatch)
    wall.put(LATE - DAY - 5 * SECOND)
    network.run(2.0)
    assert had.connected
    with capturedLogs() as logged:
        wall.put(LATE - DAY + SECOND)
        network.run(2.0)
    assert not had.connected
    assert "a certificate between its own and the CA's has expired" in refusals(logged)


def test_a_connection_ends_with_the_ca(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = authority().issue("*", end=LATE + 400 * DAY)
    (seed, _), (had, _) = swarm(network, far, far)
    wall = Wall(seed, monkeypatch)
    with capturedLogs() as logged:
        wall.put(LATE + SECOND)
        network.run(2.0)
    assert not had.connected
    assert "the certificate of the torrent's CA has expired" in refusals(logged)
    network.run(LOOK_SECONDS + 2)
    report = seed.session.tls.report(had)
    assert report is not None
    assert report.state is TlsState.EXPIRED
    assert "the certificate of the torrent's CA expired on" in report.why


def test_who_came_by_one_that_is_revoked_is_parted_from(network: MemoryNetwork) -> None:
    own, between = by_another()
    other, _ = by_another()
    (seed, *_), (had, *_) = swarm(network, of_everybody(), own, other)
    assert len(had.connected) == 2
    with capturedLogs() as logged:
        take(seed, revoking(between))
        network.run(2.0)
    (left,) = had.connected
    serial = read_certificate(between.certificate).serial_number
    assert f"its certificate is revoked (serial {serial:x})" in refusals(logged)
    assert left.certificate.between
    network.run(30.0)
    assert len(had.connected) == 1, "who was revoked does not come again"


def test_who_has_his_by_one_that_is_revoked_is_told_so(network: MemoryNetwork) -> None:
    ours, between = by_another()
    (seed, _), (had, _) = swarm(network, ours, of_everybody())
    take(seed, revoking(between))
    network.run(2.0)
    report = seed.session.tls.report(had)
    assert report is not None
    assert report.state is TlsState.REVOKED
    assert not had.running


def test_our_connections_end_with_our_certificate_unless_it_was_renewed(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = authority().issue("*", end=LATE - 9 * DAY)
    (seed, leecher), (had, wanted) = swarm(network, ours, of_everybody(), speed_limit_up=1)
    wall = Wall(seed, monkeypatch)
    wall.put(LATE - 9 * DAY - 5 * SECOND)
    network.run(2.0)
    assert had.connected
    with capturedLogs() as logged:
        wall.put(LATE - 9 * DAY + SECOND)
        network.run(LOOK_SECONDS + 2)
    assert not had.connected
    assert not had.running
    assert "its certificate expired on" in refusals(logged)
    assert leecher.session.tls.why_not(wanted) == ""
    give(seed, had, authority().issue("*"))
    network.run(1.0)
    assert had.running
    leecher.connect(wanted, seed.tls_address)
    network.run(5.0)
    assert had.connected


def test_a_renewed_certificate_leaves_connections_alone(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = authority().issue("*", end=LATE - 9 * DAY)
    (seed, _), (had, _) = swarm(network, ours, of_everybody(), speed_limit_up=1)
    before = list(had.connected)
    give(seed, had, of_everybody())
    wall = Wall(seed, monkeypatch)
    wall.put(LATE - 9 * DAY + SECOND)
    network.run(LOOK_SECONDS + 2)
    assert list(had.connected) == before


def test_a_certificate_ends_with_what_vouches_for_it(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _ = by_another(end=LATE - 9 * DAY)
    (seed, _), (had, _) = swarm(network, ours, of_everybody(), speed_limit_up=1)
    wall = Wall(seed, monkeypatch)
    wall.put(LATE - 9 * DAY + SECOND)
    network.run(LOOK_SECONDS + 2)
    assert not had.connected
    report = seed.session.tls.report(had)
    assert report is not None
    assert report.state is TlsState.EXPIRED
    assert "a certificate between its own and the CA's expired on" in report.why


def test_a_clock_that_is_set_wrong_and_right_again_costs_a_minute(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seed, leecher), (had, wanted) = swarm(
        network, of_everybody(), of_everybody(), speed_limit_up=1
    )
    wall = Wall(seed, monkeypatch)
    wall.put(LATE + DAY)
    network.run(LOOK_SECONDS + 2)
    assert not had.running
    wall.back()
    network.run(LOOK_SECONDS + 2)
    assert had.running
    leecher.connect(wanted, seed.tls_address)
    network.run(5.0)
    assert had.connected


def test_dates_are_looked_at_in_one_turn_and_each_is_told_once() -> None:
    clock, told, asked = Clock(), [], []
    moments = [(10.0, "a"), (10.0, "b"), (500.0, "a"), (500.0, "a"), (800.0, "c")]

    def find() -> list[tuple[float, str]]:
        asked.append(clock.seconds())
        return moments

    def passed(whose: Collection[str]) -> None:
        told.append((clock.seconds(), *whose))

    validity = Validity(clock, clock.seconds, find, passed)
    for _ in range(1000):
        validity.changed()
    assert len(clock.getDelayedCalls()) == 1
    for _ in range(790):
        clock.advance(1.0)
        assert len(clock.getDelayedCalls()) == 1
    assert asked == [1.0]
    assert told == [(11.0, "a", "b"), (501.0, "a")]
    moments.append((900.0, "d"))
    clock.advance(LOOK_SECONDS)
    assert told[2:] == [(clock.seconds(), "c")]
    validity.close()
    assert clock.getDelayedCalls() == []
    validity.changed()
    assert clock.getDelayedCalls() == [], "nothing begins when it is over"


def test_of_whom_a_clock_that_is_set_back_says_something_else_is_told() -> None:
    clock, wall = Clock(), [700.0]
    told: list[set[str]] = []
    moments = [(10.0, "a"), (500.0, "b"), (600.0, "c"), (800.0, "d")]
    validity = Validity(clock, lambda: wall[0], lambda: moments, lambda who: told.append(set(who)))
    validity.changed()
    clock.advance(0.0)
    wall[0] = 100.0
    clock.advance(LOOK_SECONDS)
    assert told == [{"b", "c"}]
    wall[0] = 500.0
    clock.advance(LOOK_SECONDS)
    assert told[1:] == [], "it is good to the end"
    wall[0] = 900.0
    clock.advance(LOOK_SECONDS)
    assert told[1:] == [{"b", "c", "d"}]
    validity.close()


def test_a_date_that_passes_while_others_become_known_is_told() -> None:
    clock, told, wall = Clock(), [], [9.0]
    moments = [(10.0, "a")]
    validity = Validity(clock, lambda: wall[0], lambda: moments, lambda _: told.append(wall[0]))
    validity.changed()
    clock.advance(0.0)
    wall[0] = 10.5
    moments.append((99.0, "b"))
    validity.changed()
    clock.advance(0.0)
    assert told == [10.5]
    validity.close()


def test_where_there_is_no_certificate_no_clock_runs() -> None:
    clock = Clock()
    validity = Validity(clock, clock.seconds, lambda: [], lambda _: None)
    validity.changed()
    clock.advance(1.0)
    assert clock.getDelayedCalls() == []
