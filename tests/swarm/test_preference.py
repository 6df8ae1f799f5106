"""Our own addresses by the word of others, and which peers are near."""

from __future__ import annotations

import random
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.own_addresses import VOTERS, OwnAddresses, Side
from p2pd.swarm.peer_priority import canonical_priority
from p2pd.swarm.preference import Distance, Preferences

PUBLIC4, PRIVATE4, PUBLIC6 = Side(4, True), Side(4, False), Side(6, True)
COUNTRIES = {"91.1.": "DE", "85.2.": "DE", "8.8.": "US", "2a01": "DE", "2600": "US"}


def country_of(host: str) -> str:
    return next((name for start, name in COUNTRIES.items() if host.startswith(start)), "")


def placed(*ours: str) -> Preferences:
    """A session that knows where it is."""
    preferences = Preferences(random.Random(1), country_of)
    for address in ours:
        kind = ip_address(address)
        tellers = ("10.1.0.1", "10.2.0.1") if kind.is_private else ("8.8.8.8", "9.9.9.9")
        for teller in ("2600::1", "2a00::1") if kind.version == 6 else tellers:
            preferences.own.told(address, teller)
    return preferences


def test_an_address_is_believed_when_two_networks_tell_it() -> None:
    own = OwnAddresses()
    own.told("91.1.2.3", "8.8.8.8")
    own.told("91.1.2.3", "8.8.4.4")
    assert own.seen_by(PUBLIC4) is None, "these two are of one network"
    own.told("91.1.2.3", "9.9.9.9")
    assert own.seen_by(PUBLIC4) == ip_address("91.1.2.3")
    assert (own.all(), own.version) == ((ip_address("91.1.2.3"),), 1)


def test_a_liar_is_outvoted_and_a_tie_changes_nothing() -> None:
    own = OwnAddresses()
    for teller in ("8.8.8.8", "9.9.9.9", "1.1.1.1"):
        own.told("91.1.2.3", teller)
    for teller in ("5.5.5.5", "6.6.6.6", "7.7.7.7"):
        own.told("66.6.6.6", teller)
    assert own.seen_by(PUBLIC4) == ip_address("91.1.2.3")
    own.told("66.6.6.6", "8.8.8.8")
    assert own.seen_by(PUBLIC4) == ip_address("66.6.6.6"), "our address may change"
    assert own.version == 2


def test_each_side_sees_us_at_its_own_address() -> None:
    preferences = placed("91.1.2.3", "10.1.2.3", "2a01::7")
    own = preferences.own
    assert own.seen_by(PUBLIC4) == ip_address("91.1.2.3")
    assert own.seen_by(PRIVATE4) == ip_address("10.1.2.3")
    assert own.seen_by(PUBLIC6) == ip_address("2a01::7")


@pytest.mark.parametrize(
    ("ours", "by"),
    [
        ("10.0.0.1", "8.8.8.8"),
        ("91.1.2.3", "10.0.0.1"),
        ("2a01::7", "8.8.8.8"),
        ("127.0.0.1", "10.0.0.1"),
        ("0.0.0.0", "10.0.0.1"),
        ("224.0.0.1", "8.8.8.8"),
        ("nowhere", "8.8.8.8"),
        ("91.1.2.3", ""),
    ],
)
def test_what_cannot_be_is_ignored(ours: str, by: str) -> None:
    own = OwnAddresses()
    for _ in range(3):
        own.told(ours, by)
        own.told(ours, by.replace("8.8.8", "9.9.9").replace("10.0.0.1", "10.0.0.2"))
    assert own.all() == ()


@given(st.lists(st.tuples(st.ip_addresses(), st.ip_addresses()), max_size=200))
def test_the_votes_are_bounded(words: list[tuple[object, object]]) -> None:
    own = OwnAddresses()
    for ours, by in words:
        own.told(str(ours), str(by))
    assert len(own.all()) <= 4
    assert all(len(votes) <= VOTERS for votes in own._votes.values())


def test_old_votes_make_room() -> None:
    own = OwnAddresses()
    for number in range(2 * VOTERS):
        own.told(f"91.1.2.{number // VOTERS}", f"8.{number}.0.1")
    assert own.seen_by(PUBLIC4) == ip_address("91.1.2.1")
    assert len(own._votes[PUBLIC4]) == VOTERS


@pytest.mark.parametrize(
    ("host", "distance"),
    [
        ("127.0.0.1", Distance.SUBNET),
        ("::1", Distance.SUBNET),
        ("10.1.2.250", Distance.SUBNET),
        ("10.1.3.3", Distance.FAR),
        ("91.1.2.200", Distance.SUBNET),
        ("91.1.3.3", Distance.COUNTRY),
        ("85.2.0.1", Distance.COUNTRY),
        ("8.8.8.8", Distance.FAR),
        ("2a01::9999", Distance.SUBNET),
        ("2a01:0:0:1::7", Distance.COUNTRY),
        ("2600::1", Distance.FAR),
        ("1.2.3.4", Distance.FAR),
    ],
)
def test_how_near_an_address_is(host: str, distance: Distance) -> None:
    preferences = placed("91.1.2.3", "10.1.2.3", "2a01::7")
    assert preferences.of(PeerAddress(host, 1)).distance is distance


def test_while_we_know_nothing_of_ourselves_private_addresses_are_near() -> None:
    preferences = Preferences(random.Random(1), country_of)
    near = [h for h in ("192.168.1.1", "fd00::1", "91.1.2.3", "2a01::7")
            if preferences.of(PeerAddress(h, 1)).distance is Distance.SUBNET]  # fmt: skip
    assert near == ["192.168.1.1", "fd00::1"]


def test_without_a_database_there_are_no_countries() -> None:
    preferences = Preferences(random.Random(1))
    preferences.own.told("91.1.2.3", "8.8.8.8")
    preferences.own.told("91.1.2.3", "9.9.9.9")
    assert preferences.of(PeerAddress("91.1.9.9", 1)).distance is Distance.FAR


def test_among_the_equally_near_the_canonical_priority_decides() -> None:
    preferences = placed("91.1.2.3")
    preferences.port = 6881
    address = PeerAddress("8.8.8.8", 51413)
    wanted = canonical_priority(PeerAddress("91.1.2.3", 6881), address)
    assert preferences.priority(address) == wanted
    assert preferences.of(address) == (Distance.FAR, -wanted)
    ranked = sorted((PeerAddress(f"8.8.{n}.1", 1) for n in range(50)), key=preferences.of)
    priorities = [preferences.priority(each) for each in ranked]
    assert priorities == sorted(priorities, reverse=True)


def test_while_our_address_is_not_known_each_session_prefers_others() -> None:
    addresses = [PeerAddress(f"8.8.{n}.1", 1) for n in range(50)]
    orders = {
        tuple(sorted(addresses, key=Preferences(random.Random(seed)).of)) for seed in range(5)
    }
    assert len(orders) == 5
