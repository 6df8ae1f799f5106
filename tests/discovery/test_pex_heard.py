"""How much is believed of what one peer tells of others."""

from __future__ import annotations

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.pex import heard as bounds
from p2pd.discovery.pex.heard import Heard, PexFloodError
from p2pd.protocols.peerwire.extensions.ut_pex import PexMessage, PexPeer


def told(*hosts: str, port: int = 6881) -> PexMessage:
    """A message of these."""
    return PexMessage(tuple(PexPeer(PeerAddress(host, port)) for host in hosts))


def hosts(peers: list[PexPeer]) -> list[str]:
    """Their hosts."""
    return [peer.address.host for peer in peers]


def test_a_message_a_minute_is_read_for_ever() -> None:
    heard = Heard("203.0.113.1", 0.0)
    assert all(heard.may_speak(60.0 * minute) for minute in range(1, 1000))


def test_more_are_not_read_and_then_the_connection_ends() -> None:
    heard = Heard("203.0.113.1", 0.0)
    read = [heard.may_speak(1.0) for _ in range(bounds.MESSAGES_AT_ONCE + bounds.PATIENCE)]
    assert read.count(True) == bounds.MESSAGES_AT_ONCE
    with pytest.raises(PexFloodError, match="far more often than once a minute"):
        heard.may_speak(2.0)


def test_four_times_a_minute_is_too_often_in_the_long_run() -> None:
    heard = Heard("203.0.113.1", 0.0)
    read = [heard.may_speak(15.0 * number) for number in range(1, 20)]
    assert read.count(True) < 12
    with pytest.raises(PexFloodError):
        [heard.may_speak(15.0 * number) for number in range(20, 60)]


def test_a_few_too_many_are_forgiven() -> None:
    heard = Heard("203.0.113.1", 0.0)
    now = 0.0
    for _ in range(20):
        for _ in range(bounds.MESSAGES_AT_ONCE + 3):
            heard.may_speak(now)
        now += 600.0


def test_of_each_host_one_address_counts() -> None:
    heard = Heard("203.0.113.1", 0.0)
    message = PexMessage(
        (*told("198.51.100.1").added, *told("198.51.100.1", "198.51.100.2", port=7).added)
    )
    assert [tuple(peer.address) for peer in heard.believed(message, ())] == [
        ("198.51.100.1", 6881),
        ("198.51.100.2", 7),
    ]


def test_on_this_machine_ports_tell_peers_apart() -> None:
    message = PexMessage((*told("127.0.0.1").added, *told("127.0.0.1", port=7).added))
    assert len(Heard("127.0.0.1", 0.0).believed(message, ())) == 2


@pytest.mark.parametrize(
    ("sender", "believed"),
    [
        ("203.0.113.1", ["198.51.100.1", "2001:db8:1::1"]),
        ("192.168.1.9", ["198.51.100.1", "2001:db8:1::1", "192.168.1.2", "fd00::1"]),
        ("fd00::9", ["198.51.100.1", "2001:db8:1::1", "192.168.1.2", "fd00::1"]),
        (
            "127.0.0.1",
            ["198.51.100.1", "2001:db8:1::1", "192.168.1.2", "fd00::1", "127.0.0.1", "::1"],
        ),
    ],
)
def test_nobody_is_believed_of_what_it_cannot_reach(sender: str, believed: list[str]) -> None:
    everywhere = ["198.51.100.1", "2001:db8:1::1", "192.168.1.2", "fd00::1", "127.0.0.1", "::1"]
    assert hosts(Heard(sender, 0.0).believed(told(*everywhere), ())) == believed


def test_our_own_address_is_no_peer() -> None:
    own = PeerAddress("198.51.100.1", 6881)
    heard = Heard("203.0.113.1", 0.0)
    assert hosts(heard.believed(told("198.51.100.1", "198.51.100.2"), {own})) == ["198.51.100.2"]


def test_the_first_message_may_be_fuller() -> None:
    heard = Heard("203.0.113.1", 0.0)
    many = told(*(f"198.51.{number // 250}.{number % 250}" for number in range(600)))
    assert len(heard.believed(many, ())) == bounds.MOST_AT_FIRST
    assert len(heard.believed(many, ())) == bounds.MOST


def test_new_addresses_are_rationed() -> None:
    heard = Heard("203.0.113.1", 0.0)
    assert heard.room_for_new(0.0) == bounds.NEW_AT_ONCE
    heard.was_new(bounds.NEW_AT_ONCE)
    assert heard.room_for_new(0.0) == 0
    assert heard.room_for_new(120.0) == 2 * bounds.NEW_PER_MINUTE
    assert heard.room_for_new(1e6) == bounds.NEW_AT_ONCE
