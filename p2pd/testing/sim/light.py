"""A lighter model of a swarm, for thousands of nodes: the real picker, choker and request window.

Around them there is only what they must see: who has what, who asks whom, and uplinks that send one
block after the other, in turns. There are no sessions, no streams and no bytes. A message takes no
time, a downlink has no bound, nobody times out, and there is neither loss nor the fast extension.
So its figures are a little better than those of whole sessions (test_sim_light.py holds one against
the other); it shows how the policies do at sizes that sessions cannot be simulated at.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Callable

from p2pd.base.piece_set import PieceSet
from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.event_clock import EventClock
from p2pd.testing.sim.light_node import LightNode, UniformPieces
from p2pd.testing.sim.light_seed import LightSeed
from p2pd.testing.sim.outcome import NodeOutcome, Sample, SwarmOutcome

CHOKE_ROUND = 10.0
FEED_SECONDS = 1.0
PEERS = 30


@dataclass(frozen=True, slots=True)
class LightSpec:
    """What a node is; `up` in bytes per second, `slots` as in SessionSettings.upload_slots.

    `hides` is whether it super-seeds, if it is a seed.
    """

    up: float
    seed: bool = False
    conduct: Conduct = Conduct.HONEST
    slots: int = 4
    hides: bool = True


class LightSwarm:
    """Nodes of one torrent of equal pieces. All chance comes from `seed`."""

    def __init__(
        self, pieces: int, piece_length: int, seed: int = 0, *, peers: int = PEERS
    ) -> None:
        self.clock = EventClock()
        self.nodes: list[LightNode] = []
        self.samples: list[Sample] = []
        self._geometry = UniformPieces(pieces, piece_length)
        self._rng = random.Random(f"light {seed}")
        self._peers = peers
        self._here: list[LightNode] = []

    def add(self, spec: LightSpec, *, joins_at: float = 0.0) -> LightNode:
        """A node that joins at that time, and connects to some of those that are there."""
        count = self._geometry.piece_count
        have = PieceSet.full(count) if spec.seed else PieceSet(count)
        node = (LightSeed if spec.seed else LightNode)(
            self.clock,
            self._geometry,
            have,
            random.Random(f"{self._rng.random()}"),
            up=spec.up,
            slots=-1 if spec.conduct is Conduct.FREE_RIDER else spec.slots,
        )
        node.seed, node.conduct = spec.seed, spec.conduct
        if isinstance(node, LightSeed) and spec.hides:
            node.hide()
        self.nodes.append(node)
        self.clock.at(joins_at, self._join, node)
        return node

    def run(self, limit: float, until: Callable[[], bool] | None = None) -> SwarmOutcome:
        """Let time pass until every honest leecher is done (or `until`), `limit` at most."""
        over = until or self.all_done
        step = 0.5
        while self.clock.now < limit and not over():
            self.clock.run_to(self.clock.now + step)
            self.samples.append(self._sample())
            step = max(0.5, self.clock.now / 100)
        return self.outcome()

    def all_done(self) -> bool:
        """Whether every honest leecher has everything."""
        return all(
            node.completed_at is not None
            for node in self.nodes
            if not node.seed and node.conduct is Conduct.HONEST
        )

    def outcome(self) -> SwarmOutcome:
        """What became of everyone so far."""
        size = self._geometry.piece_count * self._geometry.piece_length
        return SwarmOutcome(
            size, self.clock.now, [_outcome(index, node) for index, node in enumerate(self.nodes)],
            self.samples,
        )  # fmt: skip

    # -- what nodes do by the clock ------------------------------------------------------------

    def _join(self, node: LightNode) -> None:
        node.joined_at = self.clock.now
        # Half of them: as many will come later and connect to this one.
        others = self._rng.sample(self._here, min(len(self._here), (self._peers + 1) // 2))
        self._here.append(node)
        for other in others:
            node.connect(other)
        self.clock.at(self.clock.now + CHOKE_ROUND * self._rng.random(), self._choke_round, node)
        self.clock.at(self.clock.now + FEED_SECONDS * self._rng.random(), self._feed, node)

    def _choke_round(self, node: LightNode) -> None:
        node.rechoke()
        self.clock.at(self.clock.now + CHOKE_ROUND, self._choke_round, node)

    def _feed(self, node: LightNode) -> None:
        if node.completed_at is None:
            node.tick()
            self.clock.at(self.clock.now + FEED_SECONDS, self._feed, node)

    def _sample(self) -> Sample:
        counts = [0] * self._geometry.piece_count
        step = max(1, len(self._here) // 500)
        seen = self._here[::step]
        for node in seen:
            for piece in node.picker.have:
                counts[piece] += 1
        complete = sum(node.completed_at is not None for node in self.nodes)
        return Sample(
            self.clock.now,
            min(counts) * step,
            step * sum(counts) / len(counts),
            complete,
            len(self._here),
        )


def _outcome(index: int, node: LightNode) -> NodeOutcome:
    seconds = None if node.completed_at is None else node.completed_at - node.joined_at
    return NodeOutcome(
        host=str(index),
        conduct=node.conduct,
        seed=node.seed,
        seconds=seconds,
        uploaded=node.uploaded,
        downloaded=node.downloaded,
        wasted=node.wasted,
        joined_at=node.joined_at,
    )
