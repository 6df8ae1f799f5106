"""What control and automation ask of the DHT, done (dht_api.DhtApi)."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, TimeoutError

from p2pd.base.clock import Clock
from p2pd.base.errors import P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.discovery.dht.mutable_items import MutableItem
from p2pd.session.discovering.dht_api import DhtReport, SwarmEstimate
from p2pd.session.discovering.dht_network import DhtNetwork, LookupOutcome
from p2pd.session.discovering.dht_source import IS_OFF, NOT_THERE, DhtSource

ANSWER_SECONDS = 60.0
"""What any of this may take; a look-up has its own bounds below that."""

MOST_AT_ONCE = 64
"""Questions of all callers together."""


class DhtRequests:
    """The session's DHT for callers."""

    def __init__(self, source: DhtSource, clock: Clock) -> None:
        self._source = source
        self._network = source.network
        self._clock = clock
        self._running = 0

    @property
    def enabled(self) -> bool:
        """Whether it can be asked."""
        return self._source.is_on

    def report(self) -> DhtReport:
        """How it stands."""
        return self._source.stand()

    async def get_immutable(self, target: bytes) -> bytes | None:
        """A bencoded value. Raises P2pdError."""
        found: bytes | None = await self._ask(lambda dht: dht.get_immutable(target))
        return found

    async def get_mutable(self, public_key: bytes, salt: bytes = b"") -> MutableItem | None:
        """The newest item of a key. Raises P2pdError."""
        found: MutableItem | None = await self._ask(lambda dht: dht.get_mutable(public_key, salt))
        return found

    async def put_immutable(self, value: bytes) -> int:
        """Store a bencoded value. Raises P2pdError."""
        return _taken(await self._ask(lambda dht: dht.put_immutable(value)))

    async def put_mutable(self, item: MutableItem, cas: int | None = None) -> int:
        """Store an item. Raises P2pdError."""
        if not item.verify():
            raise P2pdError("the item is not signed by the owner of its key, or out of bounds")
        return _taken(await self._ask(lambda dht: dht.put_mutable(item, cas)))

    async def estimate(self, info_hashes: InfoHashes) -> SwarmEstimate:
        """How many peers a torrent has (BEP 33). Raises P2pdError."""
        outcomes = [
            await self._ask(lambda dht, wire_id=wire_id: _scraped(dht, wire_id))
            for wire_id in info_hashes.wire_ids
        ]
        return SwarmEstimate(
            _most(outcome.seeds_estimate for outcome in outcomes),
            _most(outcome.peers_estimate for outcome in outcomes),
            sum(outcome.answered for outcome in outcomes),
        )

    async def _ask(self, question: Any) -> Any:
        if self._network is None or not self._source.is_on:
            raise P2pdError(NOT_THERE if self._network is None else IS_OFF)
        if self._running >= MOST_AT_ONCE:
            raise P2pdError("the DHT is asked too much at a time: try again in a moment")
        self._running += 1
        try:
            answer: Deferred[Any] = question(self._network)
            return await answer.addTimeout(ANSWER_SECONDS, cast(Any, self._clock))
        except TimeoutError:
            raise P2pdError("the DHT did not answer in time") from None
        finally:
            self._running -= 1


def _scraped(dht: DhtNetwork, wire_id: bytes) -> Deferred[LookupOutcome]:
    told: Deferred[LookupOutcome] = Deferred(lambda _: operation.cancel())
    operation = dht.find_peers(
        wire_id, 0, seed=False, found=lambda peers: None, done=told.callback, scrape=True
    )
    return told


def _taken(outcome: LookupOutcome) -> int:
    """By how many nodes; raises P2pdError when by none."""
    if outcome.announced_to:
        return outcome.announced_to
    words = [f"{text} ({code})" for code, text in outcome.refusals]
    reason = words[0] if words else outcome.error or "no node answered"
    raise P2pdError(f"no node of the DHT took it: {reason}")


def _most(estimates: Any) -> int | None:
    known = [estimate for estimate in estimates if estimate is not None]
    return round(max(known)) if known else None
