"""The scenarios: each builds a swarm, lets it run, and says what came out.

All nodes have uplinks of one rate u and downlinks of eight times that, 25 ms from the middle of the
network, and the settings that p2pd comes with; they come within a second of one another, which is
the hardest for a seed. Sizes are arguments: `make sim` takes the full ones, the tests small ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable

from bench.sim.verdict import Figure, Verdict
from p2pd.session.torrents.torrent import Torrent
from p2pd.testing.sim.conduct import Conduct
from p2pd.testing.sim.disks import SLOW_DISK
from p2pd.testing.sim.network import Link
from p2pd.testing.sim.nodes import NodeSpec, SwarmNode
from p2pd.testing.sim.outcome import SwarmOutcome
from p2pd.testing.sim.swarm import Swarm, hosts, make_shared

KIB = 1024


@dataclass(frozen=True, slots=True)
class Size:
    """How large a scenario is: leechers, pieces of `piece` bytes, uplinks of `up` bytes a second.

    `seed_up` is the seed's uplink in units of `up`; `limit` is when it is given up, in virtual
    seconds.
    """

    nodes: int
    pieces: int = 100
    piece: int = 64 * KIB
    up: float = 64.0 * KIB
    seed_up: float = 1.0
    limit: float = 3000.0
    seed: int = 0

    @property
    def link(self) -> Link:
        """Of every node."""
        return Link(up=self.up, down=8 * self.up, delay=0.025)


def flash_crowd(size: Size, most: float = 1.15, most_cpu: float | None = None) -> Verdict:
    """One seed and leechers that all come at once. `most_cpu`: seconds of a core."""
    swarm, _ = make_swarm(size)
    outcome = swarm.run(size.limit)
    return Verdict(
        f"flash crowd of {size.nodes}",
        f"{size.pieces} pieces of {size.piece // KIB} KiB, one seed, all uplinks equal",
        time_figures(outcome, size, most, vain=0.01),
        {f"{size.nodes} leechers": outcome},
        bound=bound(outcome, size),
        most_cpu=most_cpu,
    )


def free_riders(size: Size, share: float = 0.2, arrivals: float = 500.0) -> Verdict:
    """Some give nothing. All come one after the other, and leave when they are done.

    So there are always others who want the same: in a crowd that comes at once, the last ones have
    it all to themselves. Those that come in the last third, when that ends, do not count.
    """
    riders = max(1, round(size.nodes * share))
    swarm, _ = make_swarm(replace(size, nodes=size.nodes - riders), riders=riders, spread=arrivals)
    leave_when_done(swarm)
    outcome = swarm.run(size.limit, swarm.everybody_done)
    mean, riders_mean = (
        _mean_of_early(outcome, conduct, arrivals * 2 / 3)
        for conduct in (Conduct.HONEST, Conduct.FREE_RIDER)
    )
    given = sum(node.uploaded for node in outcome.leechers(Conduct.FREE_RIDER))
    return Verdict(
        f"free riders, {riders} of {size.nodes}",
        f"they choke everybody; all come within {arrivals:g} s and leave when they are done",
        [
            Figure("free riders' mean time to contributors'", riders_mean / mean, least=2.0),
            Figure("contributors' mean time", mean, "s"),
            Figure("copies that free riders gave (allowed fast)", given / outcome.size),
        ],
        {"swarm": outcome},
    )


def seed_leaves(
    size: Size, copies: float = 1.05, prepare: Callable[[Torrent], None] | None = None
) -> Verdict:
    """The only seed leaves when it has sent little more than one copy."""
    swarm, seed = make_swarm(size, prepare=prepare)
    _leave_after(swarm, seed, copies)
    outcome = swarm.run(size.limit)
    done = len(outcome.times())
    return Verdict(
        f"seed leaves after {copies} copies",
        f"{size.nodes} leechers go on by themselves",
        [
            Figure("share that completes", done / size.nodes, least=1.0),
            Figure("copies of the rarest piece at the end", outcome.samples[-1].rarest),
            Figure("pieces there are on the average", outcome.samples[-1].average),
        ],
        {"swarm": outcome},
    )


def super_seeding(size: Size, prepare: Callable[[Torrent], None] | None = None) -> Verdict:
    """What the seed sends until the swarm has a copy. `prepare` may change how it seeds."""
    swarm, seed = make_swarm(size, prepare=prepare)
    leechers = [node for node in swarm.nodes if node is not seed]

    def one_copy() -> bool:
        had = {piece for node in leechers for piece in node.have()}
        return len(had) == size.pieces

    outcome = swarm.run(size.limit, one_copy)
    return Verdict(
        "copies that a seed sends for one",
        f"{size.nodes} leechers; until they have a copy together",
        [Figure("copies sent by the seed", seed.uploaded() / outcome.size, most=1.1)],
        {"swarm": outcome},
    )


def malicious(size: Size, share: float = 0.3, conduct: Conduct = Conduct.SPOILER) -> Verdict:
    """Some say they have everything, and send bad blocks."""
    bad = max(1, round(size.nodes * share))
    swarm, _ = make_swarm(replace(size, nodes=size.nodes - bad), bad=bad, conduct=conduct)
    outcome = swarm.run(size.limit)
    others = [node for node in outcome.nodes if node.conduct is conduct]
    completed = len(outcome.times()) / len(outcome.leechers())
    caught = sum(node.banned_by > 0 for node in others)
    wronged = sum(node.banned_by > 0 for node in outcome.nodes if node.conduct is Conduct.HONEST)
    return Verdict(
        f"{bad} {conduct.value}s among {size.nodes}",
        "they say they have everything, and send bad blocks",
        [
            Figure("share of the honest that completes", completed, least=1.0),
            Figure("share of the bad that is banned by anybody", caught / bad, least=1.0),
            Figure("honest nodes banned by anybody", wronged, most=0),
            Figure("bytes in vain to bytes wanted", outcome.wasted_share(), most=0.1),
            Figure("bans per bad node", sum(node.banned_by for node in others) / bad),
        ],
        {"swarm": outcome},
    )


def stalling(size: Size, share: float = 0.5) -> Verdict:
    """Some say they have everything, and are silent after the first block."""
    silent = round(size.nodes * share)
    few = replace(size, nodes=size.nodes - silent)
    without = make_swarm(few)[0].run(size.limit)
    outcome = make_swarm(few, bad=silent, conduct=Conduct.STALLER)[0].run(size.limit)
    ratio = _mean_or_limit(outcome, size) / without.mean_time()
    return Verdict(
        f"{silent} of {size.nodes} stall",
        "they say they have everything, give one block, and are silent",
        [
            Figure("mean time to that without them", ratio, most=1.3),
            Figure("share that completes", len(outcome.times()) / few.nodes, least=1.0),
        ],
        {"with them": outcome, "without": without},
    )


def rough(size: Size) -> Verdict:
    """NAT, broken connections, slow disks, and nodes that come and go."""
    swarm = Swarm(make_shared(size.pieces, size.piece), size.seed)
    names = hosts(size.nodes + 1, size.seed)
    swarm.add(NodeSpec(names[0], size.link, seed=True))
    for index, host in enumerate(names[1:]):
        link = replace(size.link, dialable=index % 5 < 2, lifetime=600.0, dial_loss=0.1)
        spec = NodeSpec(host, link)
        if index % 4 == 0:
            spec = replace(spec, disk=SLOW_DISK)
        node = swarm.add(spec, joins_at=30 * swarm.rng.random())
        if index % 3 == 0:
            swarm.churn(node, stays=120.0, away=30.0)
    outcome = swarm.run(size.limit)
    return Verdict(
        f"a rough swarm of {size.nodes}",
        "60 % behind NAT, a third comes and goes, connections break, a quarter has slow disks",
        [
            Figure("share that completes", len(outcome.times()) / size.nodes, least=1.0),
            *time_figures(outcome, size)[:2],
        ],
        {"swarm": outcome},
    )


def make_swarm(
    size: Size,
    *,
    riders: int = 0,
    bad: int = 0,
    conduct: Conduct = Conduct.HONEST,
    prepare: Callable[[Torrent], None] | None = None,
    spread: float = 1.0,
) -> tuple[Swarm, SwarmNode]:
    """A seed, `size.nodes` honest leechers and others, who come within `spread` seconds, mixed."""
    swarm = Swarm(make_shared(size.pieces, size.piece), size.seed)
    names = hosts(1 + size.nodes + riders + bad, size.seed)
    from_seed = replace(size.link, up=size.seed_up * size.up)
    seed = swarm.add(NodeSpec(names[0], from_seed, seed=True, prepare=prepare))
    conducts = [Conduct.HONEST] * size.nodes + [Conduct.FREE_RIDER] * riders + [conduct] * bad
    specs = [
        NodeSpec(host, size.link, conduct=each)
        for host, each in zip(names[1:], conducts, strict=True)
    ]
    swarm.add_all(specs, first_at=1.0, spread=spread)
    return swarm, seed


def time_figures(
    outcome: SwarmOutcome, size: Size, most: float | None = None, vain: float | None = None
) -> list[Figure]:
    """How long it took, to the fluid bound; the mean is to be `most` of it.

    At most the share `vain` of the bytes may come in vain.
    """
    fluid, times = bound(outcome, size), outcome.times()
    seeds = sum(node.uploaded for node in outcome.nodes if node.seed)
    return [
        Figure("mean completion to the bound", outcome.mean_time() / fluid, most=most),
        Figure("last completion to the bound", (times or [float("inf")])[-1] / fluid),
        Figure("copies sent by the seed", seeds / outcome.size),
        Figure("bytes in vain to bytes wanted", outcome.wasted_share(), most=vain),
    ]


def bound(outcome: SwarmOutcome, size: Size) -> float:
    """Seconds that leechers need at least, see SwarmOutcome.bound."""
    return outcome.bound(size.up, size.seed_up * size.up)


def _mean_or_limit(outcome: SwarmOutcome, size: Size, *conducts: Conduct) -> float:
    """The mean time; who did not complete counts as if it had when the scenario was given up."""
    nodes = outcome.leechers(*conducts)
    return sum(node.seconds or outcome.seconds for node in nodes) / len(nodes)


def _mean_of_early(outcome: SwarmOutcome, conduct: Conduct, before: float) -> float:
    """The mean time of leechers of this conduct that joined before that time."""
    early = [node for node in outcome.leechers(conduct) if node.joined_at < before]
    times = [node.seconds or outcome.seconds - node.joined_at for node in early]
    return sum(times) / max(1, len(times))


def leave_when_done(swarm: Swarm) -> None:
    """Leechers that have completed leave within a second."""

    def look() -> None:
        for node in swarm.nodes:
            if node.completed_at is not None and node.is_here and not node.has_all:
                node.leave()
        swarm.clock.callLater(1.0, look)

    look()


def _leave_after(swarm: Swarm, node: SwarmNode, copies: float) -> None:
    """The node leaves when it has sent so many copies."""
    enough = copies * sum(map(len, swarm.shared.pieces))

    def look() -> None:
        if node.uploaded() >= enough:
            node.leave()
        else:
            swarm.clock.callLater(0.25, look)

    look()
