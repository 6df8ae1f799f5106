"""Whom a seed serves: who takes most, everyone in turns, or the beginners and the finishers."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import pytest

from p2pd.swarm.choker import Choker
from p2pd.swarm.choking.round_robin import TURN_SECONDS
from p2pd.swarm.choking.seeding_modes import SEEDING_MODES
from p2pd.swarm.choking.seeding_peer import GRACE_SECONDS


@dataclass
class Peer:
    """One that takes at `takes` bytes per second while it is served."""

    key: str
    takes: float = 1000.0
    progress: float = 0.0
    connected_at: float = 0.0
    upload_rate: float = 0.0
    unchoked: bool = False
    interested: bool = True
    download_rate: float = 0.0
    received: int = 0
    owes: bool = False
    upload_only: bool = False
    last_block_at: float = 0.0


class Seed:
    """A choker, its peers, and how many rounds each was served."""

    def __init__(self, mode: str, peers: list[Peer], slots: int = 5, start: float = 0.0) -> None:
        self.choker = Choker(random.Random(1), slots, mode)
        self.peers = peers
        self.served = Counter[str]()
        self.now = start

    def rounds(self, count: int) -> set[str]:
        """Let so many pass; who was served last."""
        chosen: set[str] = set()
        for _ in range(count):
            chosen = set(map(str, self.choker.decide(self.peers, seeding=True, now=self.now)))
            self.served.update(chosen)
            for peer in self.peers:
                peer.unchoked = peer.key in chosen
                peer.upload_rate = peer.takes if peer.unchoked else 0.0
            self.now += 10
        return chosen

    def regular(self) -> set[str]:
        """Who has a slot for good."""
        return self.rounds(1) - set(map(str, self.choker.optimistic))


def peers(count: int, **values: float) -> list[Peer]:
    return [Peer(f"p{n:02}", connected_at=float(n), **values) for n in range(count)]


def test_the_fastest_have_the_slots_once_they_were_found() -> None:
    crowd = peers(20)
    for number, peer in enumerate(crowd):
        peer.takes = 1000.0 * (1 + number)
    seed = Seed("fastest_upload", crowd)
    seed.rounds(300)
    assert seed.regular() == {"p16", "p17", "p18", "p19"}
    assert min(seed.served.values()) > 0, "but everyone had a trial"


def test_who_takes_nothing_loses_its_slot_but_not_at_once() -> None:
    idle = peers(3, takes=0.0)
    seed = Seed("fastest_upload", idle, slots=4)
    assert seed.rounds(1) == {"p00", "p01", "p02"}
    seed.peers = [*idle, *(Peer(f"new{n}", connected_at=10.0) for n in range(3))]
    assert {"p00", "p01"} <= seed.regular()
    assert GRACE_SECONDS == 20
    assert {"new0", "new1", "new2"} <= seed.rounds(1)


def test_round_robin_gives_everyone_the_same() -> None:
    crowd = peers(20)
    for number, peer in enumerate(crowd):
        peer.takes = 1000.0 * (1 + number)
    seed = Seed("round_robin", crowd)
    seed.rounds(600)
    mean = seed.served.total() / 20
    assert all(0.8 * mean < rounds < 1.2 * mean for rounds in seed.served.values())


def test_a_turn_lasts_a_minute_and_who_takes_nothing_loses_it_sooner() -> None:
    crowd = peers(12)
    crowd[0].takes = 0.0
    seed = Seed("round_robin", crowd, slots=5)
    first = seed.regular()
    assert first == {"p00", "p01", "p02", "p03"}
    assert seed.regular() == first
    assert GRACE_SECONDS == 20
    assert seed.regular() & first == {"p01", "p02", "p03"}
    seed.rounds(2)
    assert seed.regular() >= {"p01", "p02", "p03"}
    assert TURN_SECONDS == 60
    assert not seed.regular() & first


def test_the_anti_leech_mode_serves_beginners_and_finishers() -> None:
    crowd = [Peer(f"p{n:02}", progress=n / 20, connected_at=float(n)) for n in range(21)]
    seed = Seed("anti_leech", crowd, slots=5)
    seed.rounds(300)
    ends, middle = (seed.served[key] for key in ("p00", "p10"))
    assert ends > 5 * middle > 0, "the middle has trials only"
    assert {key for key, _ in seed.served.most_common(4)} == {"p00", "p01", "p19", "p20"}


@pytest.mark.parametrize("mode", sorted(SEEDING_MODES))
def test_everybody_is_served_some_time_in_every_mode(mode: str) -> None:
    crowd = [Peer(f"p{n:02}", progress=n / 12, connected_at=float(n)) for n in range(12)]
    seed = Seed(mode, crowd)
    seed.rounds(150)
    assert len(seed.served) == 12
