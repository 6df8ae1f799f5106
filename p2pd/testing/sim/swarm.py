"""A swarm: nodes of one torrent that come, go and are watched, and what became of them."""

from __future__ import annotations

import random
from typing import Callable, Sequence

from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.network import SimNetwork
from p2pd.testing.sim.nodes import NodeSpec, SharedTorrent, SwarmNode
from p2pd.testing.sim.outcome import NodeOutcome, Sample, SwarmOutcome
from p2pd.testing.sim.trackers import URL, SimTracker
from p2pd.testing.torrents import make_torrent

WATCH_SECONDS = 0.5


def make_shared(pieces: int, piece_length: int = 256 * 1024, seed: int = 0) -> SharedTorrent:
    """A v1 torrent of one file of random bytes, with the simulated tracker."""
    data = random.Random(f"content {seed}").randbytes(pieces * piece_length)
    torrent = make_torrent({"data": data}, piece_length=piece_length, trackers=((URL,),))
    cut = [data[start : start + piece_length] for start in range(0, len(data), piece_length)]
    return SharedTorrent(torrent, cut)


def hosts(count: int, seed: int | str = 0) -> list[str]:
    """So many different public addresses, far from each other."""
    rng = random.Random(f"hosts {seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        octets = rng.randrange(20, 120), rng.randrange(256), rng.randrange(256)
        found[".".join(map(str, (*octets, rng.randrange(1, 255))))] = None
    return list(found)


class Swarm:
    """Nodes on one network with one tracker. All chance comes from `seed`."""

    def __init__(self, shared: SharedTorrent, seed: int = 0, *, interval: int = 120) -> None:
        self.shared = shared
        self.network = SimNetwork(seed)
        self.clock = self.network.clock
        self.rng = random.Random(f"swarm {seed}")
        self.tracker = SimTracker(seed, interval=interval)
        self.nodes: list[SwarmNode] = []
        self.samples: list[Sample] = []
        self._sampling = 0.0

    def add(self, spec: NodeSpec, *, joins_at: float = 0.0) -> SwarmNode:
        """A node that joins at that time."""
        node = SwarmNode(self.network, self.tracker, self.shared, spec)
        self.nodes.append(node)
        self.clock.at(joins_at, node.join)
        return node

    def add_all(
        self, specs: Sequence[NodeSpec], *, first_at: float = 0.0, spread: float = 0.0
    ) -> list[SwarmNode]:
        """Nodes that join at random times from `first_at` to `spread` seconds later."""
        return [self.add(spec, joins_at=first_at + spread * self.rng.random()) for spec in specs]

    def run(self, limit: float, until: Callable[[], bool] | None = None) -> SwarmOutcome:
        """Let time pass until every honest leecher is done (or `until`), `limit` at most."""
        over = until or self.all_done
        end = self.clock.now + limit
        while self.clock.now < end:
            self.network.run(WATCH_SECONDS)
            self._watch()
            if over():
                break
        self.samples.append(self._sample())
        return self.outcome()

    def all_done(self) -> bool:
        """Whether every honest leecher has everything."""
        return all(
            node.completed_at is not None
            for node in self.nodes
            if not node.has_all and node.spec.conduct is Conduct.HONEST
        )

    def everybody_done(self) -> bool:
        """Whether every leecher has everything, whatever it does for it."""
        return all(node.completed_at is not None for node in self.nodes if not node.has_all)

    def outcome(self) -> SwarmOutcome:
        """What became of everyone so far."""
        honest = [node for node in self.nodes if node.spec.conduct is Conduct.HONEST]
        return SwarmOutcome(
            size=sum(map(len, self.shared.pieces)),
            seconds=self.clock.now,
            nodes=[
                NodeOutcome(
                    host=node.spec.host,
                    conduct=node.spec.conduct,
                    seed=node.has_all,
                    seconds=_seconds(node),
                    uploaded=node.uploaded(),
                    downloaded=node.downloaded(),
                    wasted=node.wasted(),
                    banned_by=sum(other.banned(node.spec.host) for other in honest),
                    joined_at=node.joined_at,
                )
                for node in self.nodes
            ],
            samples=self.samples,
        )

    def churn(self, node: SwarmNode, *, stays: float, away: float) -> None:
        """Have the node leave and come back, again and again, for so long on the average."""
        clock, rng = self.clock, self.rng

        def leave() -> None:
            if node.is_here:
                node.leave()
            clock.at(clock.now + rng.expovariate(1 / away), come_back)

        def come_back() -> None:
            node.join()
            clock.at(clock.now + rng.expovariate(1 / stays), leave)

        clock.at(clock.now + rng.expovariate(1 / stays), leave)

    def _watch(self) -> None:
        for node in self.nodes:
            node.look()
        if self.clock.now >= self._sampling:
            self._sampling = self.clock.now + max(1.0, self.clock.now / 100)
            self.samples.append(self._sample())

    def _sample(self) -> Sample:
        counts = [0] * len(self.shared.pieces)
        here = [node for node in self.nodes if node.is_here]
        for node in here:
            if node.spec.conduct is Conduct.HONEST:
                for piece in node.have():
                    counts[piece] += 1
        complete = sum(node.completed_at is not None for node in self.nodes)
        return Sample(self.clock.now, min(counts), sum(counts) / len(counts), complete, len(here))


def _seconds(node: SwarmNode) -> float | None:
    return None if node.completed_at is None else node.completed_at - node.joined_at
