"""How often an address may guess what is here: bounded whatever it guesses, and for each alone."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.mse.key_exchange import KEY_SIZE
from p2pd.protocols.mse.policy import EncryptionPolicy
from p2pd.protocols.peerwire.handshake import PREFIX
from p2pd.protocols.swarm_secret.secret import SwarmSecret
from p2pd.transports.encryption import tries as module
from p2pd.transports.encryption.key_work import KeyWork
from p2pd.transports.encryption.openings import TOO_MANY_TRIES, DialledOpening
from p2pd.transports.encryption.secret_openings import SecretSwarm
from p2pd.transports.encryption.tries import (
    AT_ONCE,
    PER_SECOND,
    PROVIDER_TIMES,
    REMEMBERED,
    SITE_TIMES,
    Tries,
)
from tests.transports.encryption.test_openings import Side, at_once, carry
from tests.transports.encryption.test_secret_openings import ID, OPEN, SWARM, Accepts, Dials

GUESSER, OTHER, FAR = "192.0.2.1", "192.0.2.2", "198.51.100.1"


def test_an_address_has_some_at_once_and_then_one_a_second() -> None:
    clock = Clock()
    tries = Tries(clock)
    assert [tries.begins(GUESSER) for _ in range(AT_ONCE + 2)] == [True] * AT_ONCE + [False] * 2
    assert tries.begins(OTHER), "nobody else has fewer for that"
    clock.advance(3 / PER_SECOND)
    assert [tries.begins(GUESSER) for _ in range(4)] == [True] * 3 + [False]
    clock.advance(1e6)
    assert sum(tries.begins(GUESSER) for _ in range(2 * AT_ONCE)) == AT_ONCE
    assert tries.by_result()["refused",] == 3 + AT_ONCE


def test_who_has_a_whole_network_has_no_more_than_that_may() -> None:
    clock = Clock()
    tries = Tries(clock)
    hosts = [f"2001:db8:{number:x}::1" for number in range(2 * AT_ONCE * PROVIDER_TIMES)]
    assert sum(map(tries.begins, hosts)) == AT_ONCE * PROVIDER_TIMES
    assert tries.begins(FAR)
    clock.advance(1)
    assert sum(map(tries.begins, hosts)) == PER_SECOND * PROVIDER_TIMES


@pytest.mark.parametrize(
    ("own", "neighbour"),
    [("2001:db8:1:{:x}::1", "2001:db8:2::1"), ("192.0.2.{}", "192.0.3.1")],
)
def test_no_customer_keeps_those_of_his_provider_out(own: str, neighbour: str) -> None:
    """He has a /48, or a /24, and an address for each try."""
    clock = Clock()
    tries = Tries(clock)
    hosts = [own.format(number) for number in range(250)]
    for _ in range(600):
        for host in hosts[:20]:
            tries.begins(host)
        hosts = hosts[20:] + hosts[:20]
        assert tries.begins(neighbour), "others of his provider come through"
        tries.ends_well(neighbour)
        clock.advance(1)
    assert tries.begun - 600 <= (AT_ONCE + 600 * PER_SECOND) * SITE_TIMES


def test_all_of_a_64_is_one_address() -> None:
    tries = Tries(Clock())
    assert sum(tries.begins(f"2001:db8::{number:x}") for number in range(1000)) == AT_ONCE


def test_who_succeeds_has_as_many_as_before_and_no_more() -> None:
    tries = Tries(Clock())
    for _ in range(10 * AT_ONCE):
        assert tries.begins(GUESSER)
        tries.ends_well(GUESSER)
    assert sum(tries.begins(GUESSER) for _ in range(2 * AT_ONCE)) == AT_ONCE
    tries.ends_well(GUESSER)
    assert [tries.begins(GUESSER), tries.begins(GUESSER)] == [True, False]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 9)), max_size=300))
def test_no_order_of_acts_gives_more_than_the_rate(acts: list[tuple[int, bool, int]]) -> None:
    clock = Clock()
    tries = Tries(clock)
    lost, under_way = [0] * 4, [0] * 4
    for which, ends_well, seconds in acts:
        host = f"192.0.2.{which}"
        if ends_well and under_way[which]:
            under_way[which] -= 1
            tries.ends_well(host)
        elif tries.begins(host):
            under_way[which] += 1
        lost[which] = under_way[which]
        assert lost[which] <= AT_ONCE + clock.seconds() * PER_SECOND
        clock.advance(seconds)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 50)
    tries = Tries(Clock())
    for number in range(1000):
        tries.begins(f"10.{number % 250}.{number // 250}.1")
    assert [len(allowances) for _, allowances in tries._by_size] == [50] * 3
    assert REMEMBERED == 4096


def test_who_used_none_is_not_remembered() -> None:
    clock = Clock()
    tries = Tries(clock)
    tries.begins(GUESSER)
    tries.ends_well(GUESSER)
    assert [len(allowances) for _, allowances in tries._by_size] == [0] * 3


# -- where they are counted ------------------------------------------------------------------------


class Door:
    """One daemon at which many knock, from one address."""

    def __init__(self, *swarms: SecretSwarm, host: str = GUESSER) -> None:
        self.swarms = swarms
        self.host = host
        self.clock = Clock()
        self.work = KeyWork(at_once, random.Random(1), self.clock)

    def meets(self, one: Any) -> Any:
        other = Accepts(*self.swarms)
        other.end.address = PeerAddress(self.host, 6881)
        other.opening._work = self.work
        one.say(b"hello")
        one.opening.begin()
        carry(one, other)
        return other


def guess(number: int) -> Dials:
    return Dials(SecretSwarm(SwarmSecret(number.to_bytes(32, "big")), ID))


@pytest.mark.parametrize("swarms", [(SWARM,), ()])
def test_guesses_are_not_answered_any_more_whether_anything_is_here(
    swarms: tuple[SecretSwarm, ...],
) -> None:
    door = Door(*swarms)
    said = [door.meets(guess(number)) for number in range(AT_ONCE + 5)]
    assert {each.above.lost[0] for each in said[:AT_ONCE]} == {
        "the peer asked for a torrent that is not here"
    }
    for each in said[AT_ONCE:]:
        assert each.above.lost == [TOO_MANY_TRIES]
        assert not each.end.sent
    door.host = FAR
    assert bool(door.meets(Dials()).above.lost) is not bool(swarms), "others are not held up"


def test_who_comes_in_may_come_as_often_as_he_likes() -> None:
    door = Door(SWARM)
    for _ in range(AT_ONCE):
        assert bytes(door.meets(Dials()).above.heard) == b"hello"
        open_one = Side(DialledOpening, EncryptionPolicy.ALLOWED, info_hash=OPEN)
        assert bytes(door.meets(open_one).above.heard) == b"hello"
    assert door.work.tries.by_result() == {
        ("begun",): 2 * AT_ONCE,
        ("through",): 2 * AT_ONCE,
        ("refused",): 0,
    }


def test_who_goes_on_in_the_clear_is_not_asked_for_tries() -> None:
    door = Door(SWARM)
    for number in range(AT_ONCE):
        door.meets(guess(number))
    plain = Accepts(SWARM)
    plain.opening._work = door.work
    plain.hear(PREFIX + b"first")
    assert bytes(plain.above.heard) == PREFIX + b"first"


def test_a_key_alone_is_a_try() -> None:
    """What it named, and how far he would have gone, makes no difference."""
    door = Door(SWARM)
    for _ in range(AT_ONCE):
        other = Accepts(SWARM)
        other.opening._work = door.work
        other.hear(b"k" * KEY_SIZE)
        other.opening.stream_lost("he hung up")
    other = Accepts(SWARM)
    other.opening._work = door.work
    other.hear(b"k" * KEY_SIZE)
    assert other.above.lost == [TOO_MANY_TRIES]
