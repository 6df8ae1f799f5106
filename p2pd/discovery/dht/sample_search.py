"""Lookups for what info-hashes nodes have peers of (``sample_infohashes``, BEP 51)."""

from __future__ import annotations

from typing import Any, Callable

from p2pd.discovery.dht.lookup import Candidate, Lookup
from p2pd.discovery.dht.outcomes import NodeSample, SampleOutcome
from p2pd.protocols.krpc.arguments import taken_number, taken_samples
from p2pd.protocols.krpc.messages import SAMPLE_INFOHASHES, Response

LONGEST_INTERVAL = 21600
MOST_SAMPLES = 20_000


class SampleSearch:
    """Gathers what the nodes on the way to a target tell; those that know nothing of it help on."""

    method = SAMPLE_INFOHASHES
    satisfied = False

    def __init__(self, target: bytes, done: Callable[[SampleOutcome], None]) -> None:
        self.target = target
        self._done = done
        self._info_hashes: set[bytes] = set()
        self._nodes: list[NodeSample] = []

    def args(self, candidate: Candidate) -> dict[bytes, Any]:
        """The question."""
        return {b"target": self.target}

    def take(self, candidate: Candidate, response: Response, now: float) -> None:
        """Info-hashes, how many the node has, and when it will tell of others."""
        samples = taken_samples(response.values)
        if samples is None:
            return
        count = taken_number(response.values, b"num") or len(samples)
        interval = taken_number(response.values, b"interval") or 0
        self._nodes.append(
            NodeSample(candidate.address, count, min(interval, LONGEST_INTERVAL), len(samples))
        )
        room = MOST_SAMPLES - len(self._info_hashes)
        self._info_hashes.update(samples[: max(room, 0)])

    def finish(self, lookup: Lookup, now: float) -> None:
        """Tell all of it."""
        self._done(
            SampleOutcome(frozenset(self._info_hashes), tuple(self._nodes), lookup.outcome(now))
        )
