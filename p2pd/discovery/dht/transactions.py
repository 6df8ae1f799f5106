"""Questions without an answer yet: each has a random id that only the address asked may answer."""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import Any, Callable, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.discovery.dht.round_trips import RoundTrips
from p2pd.protocols.krpc.messages import KrpcError, Response

ID_SIZE = 4
"""Bytes: what others send is two to four; these cannot be guessed in the seconds that they live."""


class Asker(Protocol):
    """Whoever asked hears of one answer, of one refusal, or that there was none."""

    def answered(self, asked: Asked, response: Response, now: float) -> None:
        """The answer, from the address that was asked, with an id that is 20 bytes."""

    def refused(self, asked: Asked, error: KrpcError, now: float) -> None:
        """An error instead of an answer."""

    def slow(self, asked: Asked, now: float) -> None:
        """It takes longer than usual; an answer may still come."""

    def lost(self, asked: Asked, now: float) -> None:
        """No answer will be taken any more."""

    def resume(self, now: float) -> None:
        """There is room for questions again, after there was none for one of this asker's."""


class Asked:
    """One question under way; `context` is the asker's own."""

    __slots__ = ("address", "asker", "context", "lost_at", "node_id", "sent_at", "transaction")

    def __init__(self, transaction: bytes, address: PeerAddress, asker: Asker) -> None:
        self.transaction = transaction
        self.address = address
        self.asker = asker
        self.context: Any = None
        self.node_id: bytes | None = None
        self.sent_at = self.lost_at = 0.0


class Transactions:
    """All questions under way; `limit` of them are enough. `lost` hears first of what is lost."""

    def __init__(
        self, rng: random.Random, limit: int, lost: Callable[[Asked, float], None]
    ) -> None:
        self._rng = rng
        self._limit = limit
        self._lost = lost
        self._asked: dict[bytes, Asked] = {}
        self._due: list[tuple[float, int, Asked]] = []
        self._number = 0
        self.round_trips = RoundTrips()

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def full(self) -> bool:
        """Whether no more can be asked for now."""
        return len(self._asked) >= self._limit

    def start(
        self, address: PeerAddress, asker: Asker, now: float, known_round_trip: float
    ) -> Asked:
        """A question is asked; the caller looked whether there is room."""
        transaction = self._rng.randbytes(ID_SIZE)
        while transaction in self._asked:
            transaction = self._rng.randbytes(ID_SIZE)
        asked = self._asked[transaction] = Asked(transaction, address, asker)
        asked.sent_at = now
        asked.lost_at = now + self.round_trips.lost_after(known_round_trip)
        self._wait(now + self.round_trips.slow_after(known_round_trip), asked)
        return asked

    def take(self, transaction: bytes, address: PeerAddress, now: float) -> Asked | None:
        """The question that a datagram from this address answers; it is over then."""
        asked = self._asked.get(transaction)
        if asked is None or asked.address != address:
            return None
        del self._asked[transaction]
        self.round_trips.took(max(now - asked.sent_at, 0.001))
        return asked

    def next_deadline(self) -> float | None:
        """When a question becomes slow or lost; None when none will."""
        while self._due and self._due[0][2].transaction not in self._asked:
            heappop(self._due)
        return self._due[0][0] if self._due else None

    def handle_due(self, now: float) -> None:
        """Tell those who asked what is slow, or lost, by now."""
        while self._due and self._due[0][0] <= now:
            asked = heappop(self._due)[2]
            if self._asked.get(asked.transaction) is not asked:
                continue
            if now < asked.lost_at:
                self._wait(asked.lost_at, asked)
                asked.asker.slow(asked, now)
            else:
                del self._asked[asked.transaction]
                self._lost(asked, now)
                asked.asker.lost(asked, now)

    def _wait(self, until: float, asked: Asked) -> None:
        self._number += 1
        heappush(self._due, (until, self._number, asked))
