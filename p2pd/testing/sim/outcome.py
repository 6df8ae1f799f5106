"""What became of a swarm and of its nodes, whichever model it was simulated with."""

from __future__ import annotations

from dataclasses import dataclass, field

from p2pd.testing.sim.conduct import Conduct


@dataclass(frozen=True, slots=True)
class Sample:
    """A swarm at one moment: how many nodes have the rarest piece, and any on the average."""

    at: float
    rarest: int
    average: float
    complete: int
    here: int


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """What became of a node; bytes, and seconds from when it joined, None when never."""

    host: str
    conduct: Conduct
    seed: bool
    seconds: float | None
    uploaded: int
    downloaded: int
    wasted: int
    banned_by: int = 0
    joined_at: float = 0.0


@dataclass(slots=True)
class SwarmOutcome:
    """What became of a swarm, after so many virtual `seconds`."""

    size: int
    seconds: float
    nodes: list[NodeOutcome]
    samples: list[Sample] = field(default_factory=list)

    def leechers(self, *conducts: Conduct) -> list[NodeOutcome]:
        """Nodes that were not seeds: the honest ones, or those of these conducts."""
        wanted = conducts or (Conduct.HONEST,)
        return [node for node in self.nodes if not node.seed and node.conduct in wanted]

    def times(self, *conducts: Conduct) -> list[float]:
        """When each of the leechers that completed did so, in order."""
        done = [node.seconds for node in self.leechers(*conducts)]
        return sorted(seconds for seconds in done if seconds is not None)

    def bound(self, up: float, seed_up: float) -> float:
        """Seconds that the honest leechers need at least; uplinks of `up`, the seed's of `seed_up`.

        The fluid bound: the seed has to send every byte once, and all together have to send it to
        each of n leechers: max(F / seed_up, n F / (seed_up + n up)). It is F / u where all are
        equal, whatever n; downlinks are taken to be no bound.
        """
        count = len(self.leechers())
        return max(self.size / seed_up, count * self.size / (seed_up + count * up))

    def wasted_share(self) -> float:
        """Bytes that honest leechers received in vain, to those they wanted."""
        honest = self.leechers()
        return sum(node.wasted for node in honest) / (self.size * max(1, len(honest)))

    def mean_time(self, *conducts: Conduct) -> float:
        """The mean of them; infinite when any never completed."""
        times = self.times(*conducts)
        if not times or len(times) < len(self.leechers(*conducts)):
            return float("inf")
        return sum(times) / len(times)
