"""Rounds through many torrents hold up nothing else: a part of them in each turn of the reactor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from p2pd.formats.x509.revocation import ca_id
from p2pd.session.connecting.admission import Way
from p2pd.session.revoking.swarm_revoking import (
    MOST_CALLERS,
    TOLD_IN_A_TURN,
    RevokingParts,
    Swarm,
    SwarmRevoking,
    certificate_of,
)
from p2pd.session.tls.swarm_identity import identity_of
from p2pd.session.tls.tls_torrents import IN_A_TURN, TlsTorrents
from p2pd.session.turns import Turns
from p2pd.state.torrent_keys import KeptCertificate
from tests.session.tls_swarm import LATE, NAME, NOW, authority


class Reactor(Clock):
    """A clock on which what is asked for in one turn comes in the next one, as in a reactor."""

    def turn(self, seconds: float = 0.0) -> None:
        self.rightNow += seconds
        due = [call for call in self.calls if call.getTime() <= self.rightNow]
        for call in due:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


def test_the_first_steps_are_taken_at_once_and_the_others_in_their_turns() -> None:
    clock, taken = Reactor(), list[int]()
    turns = Turns(clock)

    def steps() -> Iterator[float]:
        for number in range(10):
            taken.append(number)
            yield 1 / 4

    turns.begin(steps())
    assert (len(taken), turns.is_over) == (4, False)
    clock.turn()
    assert (len(taken), turns.is_over) == (8, False)
    clock.turn()
    assert (len(taken), turns.is_over) == (10, True)
    assert not clock.getDelayedCalls()


def test_when_it_is_stopped_nothing_goes_on_or_begins() -> None:
    clock, taken = Clock(), list[int]()
    turns = Turns(clock)

    def steps() -> Iterator[float]:
        for number in range(10):
            taken.append(number)
            yield 1.0

    turns.begin(steps())
    turns.stop()
    assert turns.is_over
    turns.begin(steps())
    assert taken == [0]
    assert not clock.getDelayedCalls()


def test_after_a_step_that_failed_a_new_round_begins() -> None:
    turns, taken = Turns(Clock()), list[int]()

    def fails() -> Iterator[float]:
        yield 0.1
        raise ValueError("this one")

    with pytest.raises(ValueError, match="this one"):
        turns.begin(fails())
    assert turns.is_over
    turns.begin(float(taken.append(number) or 0) for number in range(3))
    assert taken == [0, 1, 2]


class Torrent:
    """A TLS torrent that runs, and notes what it is told."""

    way = Way.TLS
    running, error, resting = True, "", True
    has_unreadable_ca = False

    def __init__(self, number: int, turn: Any) -> None:
        self.record = SimpleNamespace(name=NAME)
        self.info_hashes = SimpleNamespace(
            wire_ids=[number.to_bytes(20)], hash_string=number.to_bytes(20).hex()
        )
        self.heard: list[tuple[int, Any]] = []
        self._turn = turn

    def hang_up_on_all(self, reason: str) -> None:
        self.heard.append((self._turn(), reason))

    def revocation_list_changed(self, found: Any, *, leaving: bool, dial: bool) -> None:
        self.heard.append((self._turn(), (found, dial)))


class Session:
    """As much of it as TLS torrents need, with a wall clock that is turned by hand."""

    tls_port = 1
    closing = False

    def __init__(self, count: int) -> None:
        self.timers = Reactor()
        self.turn = 0
        self.now = NOW.timestamp()
        self.clock, self.disks, self.events, self.queues = self.timers, None, None, self
        self.activity = self.connections = self.reaching = self
        self.torrents = [Torrent(number, lambda: self.turn) for number in range(count)]
        self.looks = 0

    def wall(self) -> float:
        return self.now

    def changed(self, torrent: Torrent) -> None:
        self.looks += 1

    def leave(self, torrent: Torrent) -> None:
        """It waits in no queue."""

    def background(self, work: Any, what: str) -> None:
        """It is halted."""

    def torrent_by_wire_id(self, wire_id: bytes) -> Torrent | None:
        number = int.from_bytes(wire_id)
        return self.torrents[number] if number < len(self.torrents) else None

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.turn += 1
            self.timers.turn()


def halted(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Torrent, "halt", lambda torrent: None, raising=False)


def test_of_many_whose_certificates_end_at_once_a_part_is_parted_from_in_each_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session(5 * IN_A_TURN)
    halted(session, monkeypatch)
    tls = TlsTorrents(session, None, session.timers)  # type: ignore[arg-type]
    given = authority().issue("*", end=NOW + timedelta(hours=1))
    kept = KeptCertificate(authority().pem, NAME, given.certificate, given.private_key)
    identity = identity_of(kept, lambda chain: None, session.now)
    tls._identities.fill({each.info_hashes.hash_string: identity for each in session.torrents})
    tls._validity.changed()
    session.turns(1)
    session.now += 3601
    session.timers.turn(60)
    session.turns(10)
    by_turn = [sum(each.heard[0][0] == turn for each in session.torrents) for turn in range(20)]
    assert max(by_turn) == IN_A_TURN
    assert sum(by_turn) == len(session.torrents)
    assert all(len(each.heard) == 1 for each in session.torrents)
    tls.close()
    assert not session.timers.getDelayedCalls()


def test_a_date_is_looked_at_for_those_alone_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(30)
    halted(session, monkeypatch)
    tls = TlsTorrents(session, None, session.timers)  # type: ignore[arg-type]
    identities = {}
    for number, torrent in enumerate(session.torrents):
        given = authority().issue("*", end=NOW + timedelta(minutes=number + 1))
        kept = KeptCertificate(authority().pem, NAME, given.certificate, given.private_key)
        identities[torrent.info_hashes.hash_string] = identity_of(
            kept, lambda chain: None, session.now
        )
    tls._identities.fill(identities)
    tls._validity.changed()
    session.turns(1)
    for _ in session.torrents:
        session.now += 60
        session.timers.turn(60)
    session.now += 60
    session.timers.turn(60)
    assert [len(each.heard) for each in session.torrents] == [1] * 30
    assert session.looks == 30
    tls.close()


def revoking(session: Session) -> tuple[SwarmRevoking, bytes]:
    swarms = [
        Swarm(each, each.info_hashes.hash_string, NAME, authority().pem, "", LATE.timestamp())
        for each in session.torrents
    ]
    known = SimpleNamespace(swarms=lambda: swarms, hold_back=lambda torrent: None)
    found = SwarmRevoking(session, known, RevokingParts(), session.timers)  # type: ignore[arg-type]
    ca = certificate_of(authority().pem)
    assert ca is not None
    return found, ca_id(ca)


def test_of_a_new_list_a_part_of_the_torrents_hears_in_each_turn() -> None:
    session = Session(10 * TOLD_IN_A_TURN)
    found, key = revoking(session)
    found._list_changed(key, "first")  # type: ignore[arg-type]
    session.turns(2)
    found._list_changed(key, "second")  # type: ignore[arg-type]
    session.turns(30)
    for number, each in enumerate(session.torrents):
        assert [told for _, told in each.heard] == [
            (name, number < MOST_CALLERS) for name in ("first", "second")
        ]
    for turn in range(40):
        heard = [at for each in session.torrents for at, _ in each.heard]
        assert heard.count(turn) <= TOLD_IN_A_TURN
    assert not session.timers.getDelayedCalls()


def test_when_the_session_ends_no_torrent_hears_of_a_list() -> None:
    session = Session(3 * TOLD_IN_A_TURN)
    found, key = revoking(session)
    found._list_changed(key, "first")  # type: ignore[arg-type]
    found.close()
    found._list_changed(key, "second")  # type: ignore[arg-type]
    session.turns(10)
    assert sum(bool(each.heard) for each in session.torrents) < TOLD_IN_A_TURN + 1
    assert not session.timers.getDelayedCalls()
