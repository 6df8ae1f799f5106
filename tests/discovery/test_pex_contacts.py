"""What peers are told of each other (BEP 11): deltas, their bounds, and that they are true."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.pex import contacts as pex
from p2pd.discovery.pex.contacts import FEW, INTERVAL, JITTER, MOST, MOST_AT_FIRST, Contacts
from p2pd.protocols.peerwire.extensions.ut_pex import HOLEPUNCH, REACHABLE, SEED, PexMessage

FIRST = 2 * pex.FIRST_AFTER
LATER = INTERVAL + JITTER


class Peer(NamedTuple):
    """A connected one, by its number."""

    number: int
    host: str = ""

    @property
    def address(self) -> PeerAddress:
        """Where it listens."""
        host = self.host or f"198.51.{self.number // 250}.{self.number % 250 + 1}"
        return PeerAddress(host, 1000)


class Swarm:
    """Contacts and what each listener knows by what it was told."""

    def __init__(self) -> None:
        self.flags: dict[Peer, int] = {}
        self.contacts = Contacts[Peer](random.Random(1), lambda peer: self.flags.get(peer, 0))
        self.knows: dict[Peer, set[PeerAddress]] = {}
        self.sent: list[tuple[float, Peer, PexMessage]] = []
        self.now = 0.0

    def join(self, *peers: Peer, listen: bool = True) -> None:
        """They are connected."""
        for peer in peers:
            self.contacts.joined(peer, peer.address)
            if listen:
                self.knows[peer] = set()
                self.contacts.listens(peer, peer.address.host, self.now)

    def leave(self, *peers: Peer, in_peace: bool = False) -> None:
        """They are gone."""
        for peer in peers:
            self.contacts.left(peer, self.now, in_peace=in_peace)
            self.knows.pop(peer, None)

    def run(self, seconds: float) -> list[tuple[float, Peer, PexMessage]]:
        """Second by second; what was sent meanwhile."""
        before = len(self.sent)
        for _ in range(int(seconds)):
            self.now += 1.0
            for peer, message in self.contacts.due(self.now):
                self._heard(peer, message)
        return self.sent[before:]

    def _heard(self, peer: Peer, message: PexMessage) -> None:
        added, knows = {one.address for one in message.added}, self.knows[peer]
        assert len(added) == len(message.added)
        assert message.added or message.dropped
        assert not added & set(message.dropped)
        assert not added & knows, "told twice"
        assert knows.issuperset(message.dropped), "dropped who was never told of"
        self.knows[peer] = (knows - set(message.dropped)) | added
        self.sent.append((self.now, peer, message))


@pytest.fixture
def swarm() -> Swarm:
    """Nobody is connected yet."""
    return Swarm()


def added(message: PexMessage) -> set[PeerAddress]:
    """Whom it tells of."""
    return {peer.address for peer in message.added}


def test_each_is_told_of_the_others_and_not_of_itself(swarm: Swarm) -> None:
    one, two, three = (Peer(number) for number in range(3))
    swarm.join(one, two, three)
    assert not swarm.run(pex.FIRST_AFTER - 1)
    sent = swarm.run(FIRST)
    assert {peer: added(message) for _, peer, message in sent} == {
        one: {two.address, three.address},
        two: {one.address, three.address},
        three: {one.address, two.address},
    }


def test_who_is_alone_is_told_nothing(swarm: Swarm) -> None:
    swarm.join(Peer(0))
    assert not swarm.run(300)


def test_what_changed_is_told_once_and_not_before_a_minute_is_over(swarm: Swarm) -> None:
    one, two, three = (Peer(number) for number in range(3))
    swarm.join(one, two)
    swarm.run(FIRST)
    swarm.leave(two)
    swarm.join(three, listen=False)
    assert not swarm.run(INTERVAL - FIRST)
    ((_, peer, message),) = swarm.run(FIRST + JITTER)
    assert peer is one
    assert added(message) == {three.address}
    assert message.dropped == (two.address,)
    assert not swarm.run(10 * LATER)


def test_two_messages_to_one_peer_are_a_minute_apart_whatever_happens(swarm: Swarm) -> None:
    listener = Peer(0)
    swarm.join(listener)
    for number in range(1, 400):
        swarm.join(Peer(number), listen=False)
        swarm.run(1)
    times = [at for at, _, _ in swarm.sent]
    assert len(times) >= 5
    assert all(later - sooner >= INTERVAL for sooner, later in pairwise(times))


def test_who_comes_when_it_was_quiet_is_told_of_soon(swarm: Swarm) -> None:
    swarm.join(Peer(0))
    swarm.run(500)
    swarm.join(Peer(1), listen=False)
    assert swarm.run(pex.LOOK_AGAIN + 1)


def test_who_left_and_came_back_between_two_messages_is_not_spoken_of(swarm: Swarm) -> None:
    one, two = Peer(0), Peer(1)
    swarm.join(one, two)
    swarm.run(FIRST)
    swarm.leave(two)
    swarm.join(two, listen=False)
    assert not swarm.run(LATER)
    swarm.join(Peer(2), listen=False)
    swarm.leave(Peer(2))
    assert not swarm.run(LATER)


def test_a_message_has_so_many_and_the_first_has_more(swarm: Swarm) -> None:
    listener = Peer(0)
    swarm.join(listener)
    others = [Peer(number) for number in range(1, 301)]
    swarm.join(*others, listen=False)
    swarm.run(4 * LATER)
    assert [len(message.added) for _, _, message in swarm.sent] == [MOST_AT_FIRST, *[MOST] * 4]
    swarm.leave(*others)
    swarm.run(10 * LATER)
    assert [len(message.dropped) for _, _, message in swarm.sent[-6:]] == [MOST] * 6
    assert swarm.knows[listener] == set()


def test_not_everybody_hears_of_the_same(swarm: Swarm) -> None:
    swarm.join(Peer(0), Peer(1))
    swarm.join(*(Peer(number) for number in range(2, 502)), listen=False)
    first, second = [added(message) for _, _, message in swarm.run(FIRST)]
    assert len(first & second) < 60


def test_seeds_are_not_told_of_seeds(swarm: Swarm) -> None:
    seed, other_seed, leecher = (Peer(number) for number in range(3))
    swarm.flags = {seed: SEED, other_seed: SEED | REACHABLE}
    swarm.join(seed, other_seed, leecher)
    told = {peer: message for _, peer, message in swarm.run(FIRST)}
    assert added(told[seed]) == added(told[other_seed]) == {leecher.address}
    assert {one.address: one.flags for one in told[leecher].added} == swarm_flags(swarm)


def swarm_flags(swarm: Swarm) -> dict[PeerAddress, int]:
    """As peers are told."""
    return {peer.address: flags for peer, flags in swarm.flags.items()}


def test_flags_are_those_of_the_moment(swarm: Swarm) -> None:
    one, two = Peer(0), Peer(1)
    swarm.join(one, two)
    swarm.flags[two] = HOLEPUNCH
    ((_, _, message), _) = swarm.run(FIRST)
    swarm_told = {peer.address: peer.flags for peer in message.added}
    assert swarm_told in ({two.address: HOLEPUNCH}, {one.address: 0})


def test_local_addresses_are_for_local_listeners(swarm: Swarm) -> None:
    outside, home = Peer(0, "198.51.100.1"), Peer(1, "192.168.1.2")
    loopback, other_home = Peer(2, "127.0.0.1"), Peer(3, "fd00::7")
    swarm.join(outside, home, loopback, other_home)
    told = {peer: added(message) for _, peer, message in swarm.run(FIRST)}
    assert outside not in told
    assert told[home] == {outside.address, other_home.address}
    assert told[loopback] == {outside.address, home.address, other_home.address}


def test_of_two_behind_one_address_one_may_leave(swarm: Swarm) -> None:
    listener, first, second = Peer(0), Peer(1, "203.0.113.1"), Peer(2, "203.0.113.1")
    swarm.join(listener)
    swarm.join(first, second, listen=False)
    ((_, _, message),) = swarm.run(FIRST)
    assert len(message.added) == 1
    swarm.leave(first)
    assert not swarm.run(LATER)
    swarm.leave(second)
    assert swarm.run(LATER)[0][2].dropped == (second.address,)


def test_who_listens_no_more_is_told_nothing(swarm: Swarm) -> None:
    one, two = Peer(0), Peer(1)
    swarm.join(one, two)
    swarm.contacts.silence(one)
    assert [peer for _, peer, _ in swarm.run(LATER)] == [two]


class TestWhoLeftLately:
    """Underpopulated lists (BEP 11)."""

    def test_they_are_told_of_once_and_dropped_with_the_next_message(self, swarm: Swarm) -> None:
        listener, left = Peer(0), Peer(1)
        swarm.flags[left] = SEED
        swarm.join(left, listen=False)
        swarm.leave(left, in_peace=True)
        swarm.join(listener)
        (first, second) = swarm.run(FIRST + LATER)
        assert [tuple(one) for one in first[2].added] == [(left.address, SEED)]
        assert second[2] == PexMessage((), (left.address,))
        assert not swarm.run(5 * LATER)

    def test_others_that_left_are_not_told_of(self, swarm: Swarm) -> None:
        swarm.join(Peer(1), listen=False)
        swarm.leave(Peer(1), in_peace=False)
        swarm.join(Peer(0))
        assert not swarm.run(LATER)

    def test_not_where_there_are_contacts_enough(self, swarm: Swarm) -> None:
        swarm.join(Peer(1), listen=False)
        swarm.leave(Peer(1), in_peace=True)
        swarm.join(*(Peer(number) for number in range(2, 2 + FEW)), listen=False)
        swarm.join(Peer(2 + FEW))
        ((_, _, message),) = swarm.run(FIRST)
        assert Peer(1).address not in added(message)

    def test_each_family_for_itself(self, swarm: Swarm) -> None:
        six = Peer(1, "2001:db8::7")
        swarm.join(six, listen=False)
        swarm.leave(six, in_peace=True)
        swarm.join(*(Peer(number) for number in range(2, 2 + FEW)), listen=False)
        swarm.join(Peer(2 + FEW))
        ((_, _, message),) = swarm.run(FIRST)
        assert six.address in added(message)

    def test_no_more_than_so_many_and_no_older_ones(self, swarm: Swarm) -> None:
        for number in range(1, 2 * FEW + 1):
            swarm.join(Peer(number), listen=False)
            swarm.leave(Peer(number), in_peace=True)
        swarm.join(Peer(0))
        ((_, _, message),) = swarm.run(FIRST)
        assert added(message) == {Peer(number).address for number in range(FEW + 1, 2 * FEW + 1)}
        swarm.run(pex.LATELY)
        swarm.join(Peer(99))
        swarm.run(FIRST)
        assert swarm.knows[Peer(99)] == {Peer(0).address}

    def test_who_is_back_is_a_contact_like_any_other(self, swarm: Swarm) -> None:
        listener, back = Peer(0), Peer(1)
        swarm.join(back, listen=False)
        swarm.leave(back, in_peace=True)
        swarm.join(listener)
        swarm.run(FIRST)
        swarm.join(back, listen=False)
        assert not swarm.run(3 * LATER)
        swarm.leave(back, in_peace=True)
        ((_, _, message),) = swarm.run(3 * LATER)
        assert message == PexMessage((), (back.address,))


def test_places_are_used_again(swarm: Swarm) -> None:
    swarm.join(*(Peer(number) for number in range(10)))
    for number in range(10, 5000):
        swarm.join(Peer(number), listen=False)
        swarm.leave(Peer(number), in_peace=bool(number % 2))
        if not number % 10:
            swarm.run(1)
    assert len(swarm.contacts._places) < 1000
    assert len(swarm.contacts) == 10


def test_nobody_is_told_of_more_than_there_are_places_for(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pex, "PLACES", 20)
    swarm.join(*(Peer(number) for number in range(50)))
    swarm.run(LATER)
    assert all(len(known) <= 20 for known in swarm.knows.values())
    swarm.leave(*(Peer(number) for number in range(50)))
    assert len(swarm.contacts) == 0


class Churn(RuleBasedStateMachine):
    """Whatever happens, everybody knows in the end who is there, and never more than was true."""

    def __init__(self) -> None:
        super().__init__()
        self.swarm = Swarm()
        self.here: set[Peer] = set()
        self.next = 0

    @rule(count=st.integers(1, 40), listen=st.booleans())
    def join(self, count: int, listen: bool) -> None:
        """Somebody comes, perhaps one who was here."""
        for _ in range(count):
            peer = Peer(self.next % 150)
            self.next += 1
            if peer not in self.here:
                self.here.add(peer)
                self.swarm.join(peer, listen=listen)

    @precondition(lambda self: self.here)
    @rule(part=st.integers(1, 5), in_peace=st.booleans())
    def leave(self, part: int, in_peace: bool) -> None:
        """Some go."""
        gone = [peer for peer in sorted(self.here) if not peer.number % part]
        self.here.difference_update(gone)
        self.swarm.leave(*gone, in_peace=in_peace)

    @rule(seconds=st.integers(1, 130))
    def wait(self, seconds: int) -> None:
        """Messages are sent; the swarm sees that each is true."""
        self.swarm.run(seconds)

    @invariant()
    def in_the_end_all_is_known(self) -> None:
        """Not checked at each step, only that nobody who never was here is known."""
        known = set[PeerAddress]().union(*self.swarm.knows.values())
        assert known <= {Peer(number).address for number in range(150)}

    def teardown(self) -> None:
        """After a long time without changes."""
        self.swarm.run(8 * LATER)
        for peer, known in self.swarm.knows.items():
            assert known == {other.address for other in self.here} - {peer.address}


TestChurn = Churn.TestCase
TestChurn.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
