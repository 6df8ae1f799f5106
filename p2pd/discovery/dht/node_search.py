"""Lookups for nodes alone (``find_node``): to join the network, and to fill the table."""

from __future__ import annotations

from typing import Any, Callable

from p2pd.discovery.dht.lookup import Candidate, Lookup
from p2pd.discovery.dht.outcomes import LookupOutcome
from p2pd.protocols.krpc.messages import FIND_NODE, Response

WANT_BOTH = [b"n4", b"n6"]


class NodeSearch:
    """Finds the nodes closest to a target; with `both` also some of the other family (BEP 32)."""

    method = FIND_NODE
    satisfied = False

    def __init__(
        self, target: bytes, done: Callable[[LookupOutcome, float], None], both: bool = False
    ) -> None:
        self.target = target
        self._done = done
        self._args: dict[bytes, Any] = {b"target": target}
        if both:
            self._args[b"want"] = WANT_BOTH

    def args(self, candidate: Candidate) -> dict[bytes, Any]:
        """The question."""
        return self._args

    def take(self, candidate: Candidate, response: Response, now: float) -> None:
        """There is nothing but nodes, which are the lookup's."""

    def finish(self, lookup: Lookup, now: float) -> None:
        """The nodes that answered are in the table, where it has room."""
        self._done(lookup.outcome(now), now)
