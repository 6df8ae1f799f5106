"""First contacts of the DHT: asked when somebody is needed, and in growing intervals."""

from __future__ import annotations

import random
from collections.abc import Sequence

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht_service.first_contacts import LOOK, MOST_RETRY, RETRY, FirstContacts
from p2pd.discovery.tracker_client.names import Names
from tests.discovery.fake_network import FakeReactor


class World:
    def __init__(self, *wanted: str) -> None:
        self.clock = FakeReactor()
        self.clock.names["a.test"] = ["192.0.2.1", "2001:db8::1"]
        self.needed = self.named = True
        self.found: list[tuple[float, Sequence[PeerAddress]]] = []
        self.contacts = FirstContacts(
            self.clock,
            random.Random(1),
            Names(self.clock),
            needed=lambda: self.needed,
            named=lambda: self.named,
            found=lambda addresses: self.found.append((self.clock.seconds(), addresses)),
        )
        self.contacts.want(wanted)

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.found]


def test_all_addresses_of_a_name_are_found() -> None:
    world = World("a.test:6881", "192.0.2.2:1", "[2001:db8::2]:2")
    world.contacts.start(0)
    world.run(1)
    assert [list(map(str, addresses)) for _, addresses in world.found] == [
        ["192.0.2.1:6881", "[2001:db8::1]:6881"],
        ["192.0.2.2:1"],
        ["[2001:db8::2]:2"],
    ]
    assert world.contacts.error == ""


def test_nobody_is_asked_while_nobody_is_needed() -> None:
    world = World("a.test:6881")
    world.needed = False
    world.contacts.start(0)
    world.run(10 * LOOK)
    assert world.clock.lookups == []
    world.needed = True
    world.run(LOOK)
    assert len(world.times) >= 1


def test_intervals_grow_up_to_a_bound_and_begin_anew() -> None:
    world = World("192.0.2.2:1")
    world.contacts.start(5)
    world.run(4 * MOST_RETRY)
    gaps = [later - earlier for earlier, later in zip(world.times, world.times[1:], strict=False)]
    assert world.times[0] == 5
    for number, gap in enumerate(gaps):
        middle = min(RETRY * 2**number, MOST_RETRY)
        assert 0.8 * middle <= gap <= 1.2 * middle + 1
    assert len(gaps) >= 8
    world.needed = False
    world.run(2 * MOST_RETRY)
    world.needed = True
    world.found.clear()
    world.run(LOOK + 2 * RETRY)
    assert len(world.times) >= 2


def test_a_name_that_is_not_found_is_told_and_the_others_count() -> None:
    world = World("nowhere.test:6881", "a..b:1", "a.test:6881")
    world.contacts.start(0)
    world.run(1)
    assert len(world.found) == 1
    assert world.contacts.error == "a..b:1: its URL has no valid host name"
    world.contacts.want(["nowhere.test:6881"])
    world.run(1)
    assert world.contacts.error == "nowhere.test:6881: its name cannot be found"


def test_other_contacts_are_asked_at_once() -> None:
    world = World()
    world.contacts.start(0)
    world.run(3600)
    assert world.found == []
    world.contacts.want(["192.0.2.2:1"])
    world.run(1)
    assert len(world.found) == 1
    world.contacts.want(["192.0.2.2:1"])
    world.run(RETRY * 0.7)
    assert len(world.found) == 1, "the same ones are no news"


def test_names_are_left_alone_by_who_only_talks_to_itself() -> None:
    world = World("a.test:6881", "127.0.0.1:1")
    world.named = False
    world.contacts.start(0)
    world.run(1)
    assert [list(map(str, addresses)) for _, addresses in world.found] == [["127.0.0.1:1"]]
    assert world.clock.lookups == []


def test_nothing_is_left_when_it_is_stopped() -> None:
    world = World("slow.test:1")
    world.clock.names["slow.test"] = None
    world.contacts.start(0)
    world.run(1)
    world.contacts.stop()
    assert world.clock.getDelayedCalls() == []
    receiver, _ = world.clock.resolving[0]
    receiver.resolutionComplete()
    world.contacts.want(["192.0.2.2:1"])
    world.run(60)
    assert world.found == []
