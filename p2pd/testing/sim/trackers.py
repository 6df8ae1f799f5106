"""A simulated tracker, and the way of a node to it (discovery.tracker_client.TrackerTransport)."""

from __future__ import annotations

import random
from itertools import islice

from twisted.internet.defer import Deferred

from p2pd.base.addresses import PeerAddress
from p2pd.protocols.tracker.announce import (
    AnnounceAnswer,
    AnnounceRequest,
    ScrapeCounts,
    TrackerTimeoutError,
)
from p2pd.testing.sim.network import SimNetwork

URL = "http://tracker.invalid/announce"
ANSWER_SECONDS = 0.1


class SimTracker:
    """Who is in each swarm. `up` is whether it answers at all."""

    def __init__(self, seed: int | str = 0, *, interval: int = 120, most_peers: int = 50) -> None:
        self.up = True
        self.announces = 0
        self._interval = interval
        self._most_peers = most_peers
        self._rng = random.Random(f"tracker {seed}")
        self._swarms: dict[bytes, dict[PeerAddress, int]] = {}

    def announce(self, host: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Take note, and name others at random; to who has everything, only those who have not."""
        self.announces += 1
        swarm = self._swarms.setdefault(request.info_hash, {})
        here = PeerAddress(host, request.port)
        if request.event == "stopped":
            swarm.pop(here, None)
            return AnnounceAnswer(interval=self._interval)
        swarm[here] = request.left
        others = [peer for peer, left in swarm.items() if peer != here and (left or request.left)]
        count = min(len(others), request.numwant, self._most_peers)
        seeders = sum(not left for left in swarm.values())
        return AnnounceAnswer(
            peers=tuple(self._rng.sample(others, count)),
            interval=self._interval,
            seeders=seeders,
            leechers=len(swarm) - seeders,
            downloads=seeders,
        )

    def peers(self, info_hash: bytes, count: int) -> list[PeerAddress]:
        """Some that it knows, for who asks in no session's name."""
        return list(islice(self._swarms.get(info_hash, {}), count))


class TrackerWay:
    """How one node asks it."""

    def __init__(self, network: SimNetwork, tracker: SimTracker, host: str) -> None:
        self._network = network
        self._tracker = tracker
        self._host = host

    async def announce(self, url: str, request: AnnounceRequest) -> AnnounceAnswer:
        """Answered after a while. Raises TrackerTimeoutError when it is down or we are cut off."""
        answered: Deferred[None] = Deferred()
        reached = self._tracker.up and self._network.place(self._host).online
        seconds = ANSWER_SECONDS if reached else 30.0
        self._network.clock.callLater(seconds, answered.callback, None)
        await answered
        if not reached:
            raise TrackerTimeoutError("no answer in time")
        return self._tracker.announce(self._host, request)

    async def scrape(self, url: str, info_hashes: list[bytes]) -> dict[bytes, ScrapeCounts]:
        """Nobody has to: announces tell the counts."""
        return {}
