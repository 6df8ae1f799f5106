"""Scenarios of the DHT: real nodes by the thousand in virtual time, that store, come, go and lie.

Peers are announced and items put (BEP 44) by nodes that stay; then nodes leave and others come for
an hour, while whoever is there looks for what was stored. A peer announces itself again every half
hour, as a client does; items are put once.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean
from typing import Callable, Sequence

from bench.sim.verdict import Figure, Panel, Verdict
from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.mutable_items import MutableItem, immutable_target, sign
from p2pd.discovery.dht.outcomes import Announce, LookupOutcome
from p2pd.testing.sim.dht import HOUR, DhtSwarm, SimulatedDhtNode
from p2pd.testing.sim.dht_conduct import Sybils, add_rubbish, add_sybil

ANNOUNCE_EVERY = 1800.0
SETTLE = 300.0
JOIN_SECONDS = 600.0
PEER_PORT = 51413

MOST_HOPS_A_DOUBLING = 0.5
"""Hops that twice as many nodes cost, at most. Each bucket of eight nodes is three doublings."""

LEAST_FOUND_AMONG_HOSTILE = 0.95


@dataclass(frozen=True, slots=True)
class DhtSize:
    """How large a scenario is: nodes, values stored of each kind, lookups for values of each.

    `churn` is the share of nodes that leaves in an hour, `seconds` how long that is watched.
    """

    nodes: int
    values: int = 60
    lookups: int = 400
    churn: float = 0.2
    seconds: float = HOUR
    seed: int = 0


@dataclass(slots=True)
class Tally:
    """What lookups for one kind of value came to."""

    begun: int = 0
    found: int = 0
    outcomes: list[LookupOutcome] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of those that ended, with what they looked for; some end with the node that left."""
        return self.found / max(1, len(self.outcomes))

    def ended(self, outcome: LookupOutcome, found: bool) -> None:
        """One more did."""
        self.outcomes.append(outcome)
        self.found += found


class StoredPeer:
    """A peer that announces itself again and again."""

    kind = "announced peers"

    def __init__(self, swarm: DhtSwarm, publisher: SimulatedDhtNode) -> None:
        self._swarm = swarm
        self._publisher = publisher
        self._info_hash = swarm.rng.randbytes(20)
        self._announce()

    def look_up(self, node: SimulatedDhtNode, tally: Tally) -> None:
        """Have a node look for it."""
        wanted = PeerAddress(self._publisher.address.host, PEER_PORT)
        found: set[PeerAddress] = set()

        def done(outcome: LookupOutcome) -> None:
            tally.ended(outcome, wanted in found)

        tally.begun += 1
        node.node.find_peers(self._info_hash, self._swarm.now, found=found.update, done=done)

    def _announce(self) -> None:
        node, now = self._publisher.node, self._swarm.now
        node.find_peers(
            self._info_hash, now, found=_nobody, done=_nobody, announce=Announce(PEER_PORT)
        )
        self._swarm.carry(self._publisher)
        self._swarm.clock.at(now + ANNOUNCE_EVERY, self._announce)


class StoredItem:
    """An immutable item (BEP 44), put once."""

    kind = "immutable items"

    def __init__(self, swarm: DhtSwarm, publisher: SimulatedDhtNode) -> None:
        self._swarm = swarm
        self._value = b"40:" + swarm.rng.randbytes(40)
        publisher.node.put_immutable(self._value, swarm.now, _nobody)
        swarm.carry(publisher)

    def look_up(self, node: SimulatedDhtNode, tally: Tally) -> None:
        """Have a node look for it."""

        def done(value: bytes | None, outcome: LookupOutcome) -> None:
            tally.ended(outcome, value == self._value)

        tally.begun += 1
        node.node.get_immutable(immutable_target(self._value), self._swarm.now, done)


class StoredMutableItem:
    """A mutable item (BEP 44), put once."""

    kind = "mutable items"

    def __init__(self, swarm: DhtSwarm, publisher: SimulatedDhtNode) -> None:
        self._swarm = swarm
        secret = swarm.rng.randbytes(32)
        self._item = sign(secret, 1, b"40:" + swarm.rng.randbytes(40), b"salt")
        publisher.node.put_mutable(self._item, swarm.now, _nobody)
        swarm.carry(publisher)

    def look_up(self, node: SimulatedDhtNode, tally: Tally) -> None:
        """Have a node look for it."""

        def done(found: MutableItem | None, outcome: LookupOutcome) -> None:
            tally.ended(outcome, found == self._item)

        tally.begun += 1
        item = self._item
        node.node.get_mutable(item.public_key, item.salt, self._swarm.now, done)


Stored = StoredPeer | StoredItem | StoredMutableItem
KINDS: tuple[type[Stored], ...] = (StoredPeer, StoredItem, StoredMutableItem)


def _nobody(*_: object) -> None:
    """Nobody waits for it."""


@dataclass(slots=True)
class DhtRun:
    """A network that was built and watched."""

    size: DhtSize
    swarm: DhtSwarm
    tallies: dict[str, Tally]

    @property
    def outcomes(self) -> list[LookupOutcome]:
        """Of the lookups for peers: these go on to the closest nodes, whatever they find."""
        return self.tallies[StoredPeer.kind].outcomes

    def hops(self) -> float:
        """Nodes one after the other to the closest, the mean."""
        return mean(outcome.hops for outcome in self.outcomes)

    def found_figures(self, least: float | None = 0.99) -> list[Figure]:
        """The share that was found, of each kind."""
        return [
            Figure(f"{self._label}{kind} found", 100 * tally.share, "%",
                   least=None if least is None else 100 * least)
            for kind, tally in self.tallies.items()
        ]  # fmt: skip

    def cost_figures(self) -> list[Figure]:
        """What a lookup takes."""
        outcomes = self.outcomes
        return [
            Figure(f"{self._label}hops", self.hops()),
            Figure(f"{self._label}queries of a lookup", mean(o.queried for o in outcomes)),
            Figure(f"{self._label}seconds of a lookup", mean(o.seconds for o in outcomes), "s"),
        ]

    @property
    def _label(self) -> str:
        return f"{self.size.nodes:,} nodes: "


def run_dht(
    size: DhtSize, prepare: Callable[[DhtSwarm], None] = _nobody, growth: float = JOIN_SECONDS
) -> DhtRun:
    """Build a network (`prepare` adds what else is in it), store, and look for it during churn."""
    swarm = DhtSwarm(size.seed)
    swarm.grow(size.nodes, growth)
    prepare(swarm)
    swarm.run(SETTLE)
    publishers = _publishers(swarm)
    values = [
        kind(swarm, swarm.rng.choice(publishers)) for kind in KINDS for _ in range(size.values)
    ]
    swarm.run(60.0)
    tallies = {kind.kind: Tally() for kind in KINDS}
    swarm.churn(size.churn, size.seconds)
    for number in range(size.lookups * len(KINDS)):
        value = values[number % len(values)]
        at = swarm.now + swarm.rng.uniform(0, size.seconds)
        swarm.clock.at(at, _look_up, swarm, value, tallies[value.kind])
    swarm.run(size.seconds + 60.0)
    return DhtRun(size, swarm, tallies)


def _publishers(swarm: DhtSwarm) -> list[SimulatedDhtNode]:
    """Some that stay: what they stored does not depend on whether they are there."""
    publishers = [swarm.any_honest() for _ in range(max(5, len(swarm.nodes) // 50))]
    for publisher in publishers:
        publisher.stays = True
    return publishers


def _look_up(swarm: DhtSwarm, value: Stored, tally: Tally) -> None:
    node = swarm.any_honest()
    value.look_up(node, tally)
    swarm.carry(node)


def growing(sizes: Sequence[DhtSize]) -> Verdict:
    """Networks that grow: lookups take a bounded number of hops more for each doubling."""
    runs = [run_dht(size) for size in sizes]
    figures = [figure for run in runs for figure in (*run.found_figures(), *run.cost_figures())]
    return Verdict(
        f"DHT of {', '.join(f'{size.nodes:,}' for size in sizes)} nodes",
        f"{100 * sizes[-1].churn:g} % of them leave in an hour and as many come",
        figures + _growth(runs),
        panels=[
            Panel(
                "Hops of a lookup",
                "nodes",
                "mean",
                {"hops": [(run.size.nodes, run.hops()) for run in runs]},
                logarithmic=True,
            ),
            *_distributions(runs),
        ],
    )


def _distributions(runs: Sequence[DhtRun]) -> list[Panel]:
    return [
        Panel(
            title, title.lower(), "lookups that took no more (%)",
            {
                f"{run.size.nodes:,} nodes": _shares([figure(o) for o in run.outcomes])
                for run in runs
            },
        )
        for title, figure in (
            ("Hops", lambda outcome: float(outcome.hops)),
            ("Queries", lambda outcome: float(outcome.queried)),
            ("Seconds", lambda outcome: outcome.seconds),
        )
    ]  # fmt: skip


def _shares(values: list[float]) -> list[tuple[float, float]]:
    """In hundredths: what so many of them do not exceed."""
    values.sort()
    return [
        (values[max(0, math.ceil(len(values) * share / 100) - 1)], share) for share in range(1, 101)
    ]


def _growth(runs: Sequence[DhtRun]) -> list[Figure]:
    """O(log n): from one size to the next a doubling costs as many hops as before, at most."""
    return [
        Figure(
            f"hops more for each doubling, {small.size.nodes:,} to {large.size.nodes:,}",
            (large.hops() - small.hops()) / math.log2(large.size.nodes / small.size.nodes),
            most=MOST_HOPS_A_DOUBLING,
        )
        for small, large in pairwise(runs)
    ]


def hostile(size: DhtSize, rubbish: float, sybils: float) -> Verdict:
    """Shares of the nodes answer with rubbish, or hide values together."""

    def prepare(swarm: DhtSwarm) -> None:
        ring = Sybils(random.Random(f"sybils {size.seed}"))
        for _ in range(round(size.nodes * rubbish)):
            add_rubbish(swarm)
        for _ in range(round(size.nodes * sybils)):
            add_sybil(swarm, ring)

    run = run_dht(size, prepare)
    return Verdict(
        f"hostile DHT of {size.nodes:,} nodes",
        f"and {100 * rubbish:g} % more that answer with rubbish, {100 * sybils:g} % more that hide "
        "what others stored behind ids next to everything",
        [*run.found_figures(least=LEAST_FOUND_AMONG_HOSTILE), *run.cost_figures()],
        panels=_distributions([run]),
    )
