"""The pool of addresses: whatever happens in whatever order, its books agree."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p2pd.base.addresses import PeerAddress
from p2pd.swarm.bans import Bans
from p2pd.swarm.peer_pool import PeerPool
from p2pd.swarm.preference import Preferences
from tests.swarm.numbered_peers import address, ban


class PoolMachine(RuleBasedStateMachine):
    """Anything in any order: bounds hold, and the pool's books stay consistent."""

    numbers = st.integers(0, 12)

    def __init__(self) -> None:
        super().__init__()
        self.preferences = Preferences(random.Random(2))
        self.bans = Bans()
        self.pool = PeerPool(
            random.Random(1), limit=6, preferences=self.preferences, bans=self.bans
        )
        self.seeding = False
        self.now = 0.0
        self.connected: set[PeerAddress] = set()

    @rule(number=numbers, source=st.sampled_from(["tracker", "pex", "dht"]))
    def add(self, number: int, source: str) -> None:
        known = address(number) in self.pool
        assert not (self.pool.add(address(number), source, self.now) and known)

    @rule(number=numbers, rate=st.sampled_from([0.0, 100.0, 1e6]))
    def remember(self, number: int, rate: float) -> None:
        known = address(number) in self.pool
        assert not (self.pool.remember(address(number), rate, self.now) and known)

    @rule(number=numbers)
    def name(self, number: int) -> None:
        self.pool.add(address(number), "manual", self.now)

    @rule(seeding=st.booleans())
    def seed(self, seeding: bool) -> None:
        self.seeding = seeding
        self.pool.set_seeding(seeding)

    @rule(count=st.integers(0, 5))
    def visit_seeds(self, count: int) -> None:
        known = self.pool._by_address
        before = {one for one in known if known[one].seed and one not in self.connected}
        visited = self.pool.visit_seeds(count, self.now)
        after = {one for one in before if known[one].seed}
        # Those that are dialled just now are left alone.
        assert visited == len(before) - len(after) <= count
        assert all(known[one].due <= self.now for one in before - after)

    @rule()
    def forgive(self) -> None:
        self.pool.forgive(self.now)

    @rule(by=st.integers(1, 9), ours=st.sampled_from(["10.0.0.200", "10.9.9.9"]))
    def move(self, by: int, ours: str) -> None:
        self.preferences.own.told(ours, f"10.7.7.{by}")

    def due(self) -> list[PeerAddress]:
        """Who may be dialled, by a look at all of them."""
        known = self.pool._by_address
        return [one for one in self.waiting() if known[one].due <= self.now]

    def waiting(self) -> list[PeerAddress]:
        return [
            one
            for one, candidate in self.pool._by_address.items()
            if one not in self.connected and not (candidate.seed and self.seeding)
        ]

    @rule(count=st.integers(0, 5), wait=st.sampled_from([0.0, 50.0, 5000.0]))
    def dial(self, count: int, wait: float) -> None:
        self.now += wait
        due = self.due()
        best = sorted(self.pool._rank(one) for one in due)[:count]
        ranks = {one: self.pool._rank(one) for one in due}
        chosen = self.pool.next_candidates(count, self.now)
        assert len(set(chosen)) == len(chosen) <= count
        assert [ranks[one] for one in chosen] == best
        assert not set(chosen) & self.connected
        assert not any(self.pool.is_banned(one.host) for one in chosen)

    @rule(number=numbers)
    def connect(self, number: int) -> None:
        self.pool.connected(address(number))
        if address(number) in self.pool:
            self.connected.add(address(number))

    @rule(number=numbers, useful=st.booleans(), seed=st.booleans())
    def close(self, number: int, useful: bool, seed: bool) -> None:
        self.pool.closed(address(number), self.now, useful=useful, rate=50.0, seed=seed)
        self.connected.discard(address(number))

    @rule(number=numbers)
    def fail(self, number: int) -> None:
        self.pool.failed(address(number), self.now)
        self.connected.discard(address(number))

    @rule(number=st.integers(10, 12))
    def ban(self, number: int) -> None:
        ban(self.bans, self.pool, number)
        self.connected.discard(address(number))

    @invariant()
    def books_agree(self) -> None:
        known = self.pool._by_address
        assert len(known) <= 6
        assert self.connected <= set(known)
        assert sum(self.pool._hosts.values()) == len(known)
        idle = {one for waiting in self.pool._idle.values() for one in waiting}
        assert idle <= set(known)
        failing = {one for one in idle if known[one].failures and not known[one].worth}
        assert set(self.pool._failing) == failing
        assert sum(self.pool.source_counts().values()) == sum(
            len(self.pool.sources_of(one)) for one in known
        )
        assert all(self.pool.source_of(one) in self.pool.sources_of(one) for one in known)
        assert set(self.pool._queue._tickets) == set(self.waiting())
        dues = [max(known[one].due, self.now) for one in self.waiting()]
        assert self.pool.next_due(self.now) == min(dues, default=None)


PoolMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestPoolMachine = PoolMachine.TestCase
