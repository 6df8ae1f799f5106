"""Who knocks, and how many of them are heard."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from p2pd.base.addresses import PeerAddress
from p2pd.session.connecting.arrivals import (
    CROWD_SHARE,
    GRACE_SECONDS,
    HANDSHAKES,
    PER_HOST_HANDSHAKES,
    SPARE_CONNECTIONS,
    Arrivals,
    HandshakeEnd,
)

CROWD = HANDSHAKES // CROWD_SHARE


class FakeStranger:
    """Remembers how it ended."""

    def __init__(self, arrivals: Arrivals, host: str, began: float) -> None:
        self.address = PeerAddress(host, 1)
        self.began = began
        self.end: HandshakeEnd | None = None
        self._arrivals = arrivals

    def fail(self, reason: str, end: HandshakeEnd) -> None:
        self.end = end
        self._arrivals.went(self)


class Door:
    """Arrivals on a clock, with `free` places in the session."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.free = 1000
        self.arrivals = Arrivals(self.clock, room=lambda: self.free)

    def knock(self, host: str) -> FakeStranger | None:
        if not self.arrivals.admits(host):
            return None
        stranger = FakeStranger(self.arrivals, host, self.clock.seconds())
        self.arrivals.came(stranger)
        return stranger


def test_one_host_has_few_places() -> None:
    door = Door()
    held = [door.knock("8.8.8.8") for _ in range(PER_HOST_HANDSHAKES + 5)]
    assert sum(stranger is not None for stranger in held) == PER_HOST_HANDSHAKES
    assert door.arrivals.turned_away == {"host_handshakes": 5}
    assert door.knock("8.8.4.4") is not None
    assert held[0] is not None
    door.arrivals.went(held[0])
    assert door.knock("8.8.8.8") is not None, "its place is free again"


def test_who_says_nothing_gives_way_when_all_places_are_taken() -> None:
    door = Door()
    held = [door.knock(f"{n + 1}.8.8.8") for n in range(HANDSHAKES)]
    assert door.knock("9.9.9.9") is None, "the others have had no time yet"
    assert door.arrivals.turned_away == {"handshakes": 1}
    door.clock.advance(GRACE_SECONDS)
    assert door.knock("9.9.9.9") is not None
    assert held[0] is not None
    assert held[0].end is HandshakeEnd.GAVE_WAY
    assert sum(stranger is not None and stranger.end is not None for stranger in held) == 1
    assert len(door.arrivals) == HANDSHAKES


def test_all_addresses_of_one_ipv6_network_are_one_host() -> None:
    door = Door()
    held = [door.knock(f"2001:db8:0:7::{n:x}") for n in range(1, PER_HOST_HANDSHAKES + 6)]
    assert sum(stranger is not None for stranger in held) == PER_HOST_HANDSHAKES
    assert door.knock("2001:db8:0:8::1") is not None
    assert held[0] is not None
    door.arrivals.went(held[0])
    assert door.knock("2001:db8:0:7::ffff") is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "::1", "fe80::1", "fd00::1"])
def test_the_bounds_hold_for_the_local_network(host: str) -> None:
    door = Door()
    held = [door.knock(host) for _ in range(PER_HOST_HANDSHAKES + 5)]
    assert sum(stranger is not None for stranger in held) == PER_HOST_HANDSHAKES


def crowded_by(door: Door, network: str) -> list[FakeStranger | None]:
    return [door.knock(f"{network}.{n // 250}.{n % 250 + 1}") for n in range(HANDSHAKES)]


def test_who_has_many_addresses_in_one_network_makes_way_for_others_at_once() -> None:
    door = Door()
    held = crowded_by(door, "127.1")
    newcomers = [door.knock(f"9.{n}.9.9") for n in range(HANDSHAKES)]
    heard = [each for each in newcomers if each is not None and each.end is None]
    assert len(heard) == HANDSHAKES - CROWD + 1
    assert all(each is None or each.end is None for each in newcomers), "none of them gives way"
    assert [each.end for each in held if each is not None] == (
        [HandshakeEnd.GAVE_WAY] * (HANDSHAKES - CROWD + 1) + [None] * (CROWD - 1)
    )
    assert len(door.arrivals) == HANDSHAKES
    assert door.arrivals.turned_away == {"handshakes": CROWD - 1}


def test_a_crowd_makes_no_way_for_its_own() -> None:
    door = Door()
    held = crowded_by(door, "8.8")
    assert door.knock("8.8.200.1") is None
    assert all(each is not None and each.end is None for each in held)


def test_nothing_is_remembered_of_who_went() -> None:
    door = Door()
    for each in [door.knock("8.8.8.8"), door.knock("2001:db8::1")]:
        assert each is not None
        door.arrivals.went(each)
    assert not door.arrivals._of_network
    assert not door.arrivals._of_host


def test_strangers_that_fill_a_session_make_way_for_others() -> None:
    """And who is connected does not: then there is a little room, and that is all."""
    door = Door()
    door.free = 50
    held = [door.knock(f"127.1.0.{n + 1}") for n in range(50)]
    door.free = -SPARE_CONNECTIONS
    newcomer = door.knock("9.9.9.9")
    assert newcomer is not None
    assert held[0] is not None
    assert held[0].end is HandshakeEnd.GAVE_WAY
    door.free = -SPARE_CONNECTIONS - len(door.arrivals)
    assert door.knock("9.8.9.9") is None
    assert door.arrivals.turned_away == {"session_full": 1}


def test_strangers_make_way_for_whom_we_dial() -> None:
    door = Door()
    door.arrivals.give_way()
    held = [door.knock("8.8.8.8"), door.knock("9.9.9.9")]
    door.arrivals.give_way()
    assert [each.end for each in held if each is not None] == [HandshakeEnd.GAVE_WAY, None]


def test_a_full_session_hears_a_few_more() -> None:
    """Somebody may give way to them in their torrent."""
    door = Door()
    door.free = -SPARE_CONNECTIONS + 1
    assert door.knock("8.8.8.8") is not None
    door.free = -SPARE_CONNECTIONS
    assert door.knock("8.8.4.4") is None
    assert door.arrivals.turned_away == {"session_full": 1}
