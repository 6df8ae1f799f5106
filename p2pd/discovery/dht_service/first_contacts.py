"""The first contacts: nodes that are known by name, asked while nobody better is known.

Names are looked up only when a node needs it, again and again in growing intervals while none can
be found or none answers. The machines behind the names serve everybody: who has a table that works
leaves them alone.
"""

from __future__ import annotations

import random
from typing import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.addresses import PeerAddress, canonical_host, split_host_port
from p2pd.base.clock import Clock, DelayedCall
from p2pd.base.errors import FormatError
from p2pd.discovery.tracker_client.names import Names
from p2pd.protocols.tracker.announce import TrackerError

SOON = 10.0
"""Seconds that nodes of an earlier run have to answer before others are looked for."""

RETRY = 30.0
MOST_RETRY = 3600.0
LOOK = 60.0
"""Between two looks whether anybody is needed."""


class FirstContacts:
    """`needed` says whether anybody is; `found` is called with addresses of both families.

    `named` says whether names may be looked up now: a machine that only talks to itself leaves the
    resolver alone.
    """

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        names: Names,
        *,
        needed: Callable[[], bool],
        named: Callable[[], bool],
        found: Callable[[Sequence[PeerAddress]], None],
    ) -> None:
        self.error = ""
        """Why the last try found nobody; empty if it did."""
        self._clock = clock
        self._rng = rng
        self._names = names
        self._needed = needed
        self._named = named
        self._found = found
        self._wanted: tuple[str, ...] = ()
        self._retry = RETRY
        self._call: DelayedCall | None = None
        self._running = False
        self._asking: list[Deferred[None]] = []

    def want(self, wanted: Sequence[str]) -> None:
        """These from now on, each as ``host:port``."""
        changed, self._wanted = tuple(wanted) != self._wanted, tuple(wanted)
        if changed and self._running:
            self._retry = RETRY
            self._sleep(0.0)

    def start(self, delay: float) -> None:
        """Look after so many seconds."""
        self._running = True
        self._retry = RETRY
        self._sleep(delay)

    def stop(self) -> None:
        """Look no more."""
        self._running = False
        if self._call is not None:
            self._call.cancel()
            self._call = None
        for each in list(self._asking):
            each.cancel()

    def _sleep(self, seconds: float) -> None:
        if self._call is not None:
            self._call.cancel()
        self._call = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._call = None
        if not self._needed():
            self._retry = RETRY
            self._sleep(LOOK)
            return
        self.error = ""
        for each in self._wanted:
            self._ask(each)
        # Not all at one moment, when many come back with their network.
        self._sleep(self._retry * (0.8 + 0.4 * self._rng.random()))
        self._retry = min(2 * self._retry, MOST_RETRY)

    def _ask(self, text: str) -> None:
        asking = Deferred.fromCoroutine(self._addresses(text))
        self._asking.append(asking)

        def over(result: object) -> object:
            self._asking.remove(asking)
            return None

        asking.addBoth(over)

    async def _addresses(self, text: str) -> None:
        try:
            host, port = split_host_port(text)
            if not self._named() and not _is_literal(host):
                return
            hosts = await self._names.addresses(host)
        except (FormatError, TrackerError) as problem:
            self.error = f"{text}: {problem}"
            self.log.debug("{problem}", problem=self.error)
            return
        self._found([PeerAddress(each, port) for each in hosts])


def _is_literal(host: str) -> bool:
    try:
        canonical_host(host)
    except FormatError:
        return False
    return True
