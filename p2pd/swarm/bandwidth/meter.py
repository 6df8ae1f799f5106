"""One peer in one direction under its limits: it takes what all allow, or waits its turn."""

from __future__ import annotations

from typing import Callable, Protocol, Sequence

from p2pd.swarm.bandwidth.token_bucket import ROUNDING, TokenBucket


class Turns(Protocol):
    """Who sees to it that waiting meters have their turn (limit_tree.py)."""

    def has_waiter(self, bucket: TokenBucket) -> None:
        """Somebody waits at this bucket."""


class Meter:
    """Takes bytes from every bucket of a chain at once.

    `cost` is what a byte costs on the wire, packet headers included; sizes that go in and out are
    without. One of `weight` 4 gets four times what one of 1 gets where both wait. `resume` is
    called, in a turn, when it is worth while to `take` again.
    """

    __slots__ = ("_cost", "_finish", "_headed", "_resume", "_turns", "chain", "entry", "least",
                 "want", "weight")  # fmt: skip

    def __init__(
        self,
        turns: Turns,
        chain: Sequence[TokenBucket],
        resume: Callable[[], None],
        *,
        cost: float = 1.0,
        weight: float = 1.0,
    ) -> None:
        self._turns = turns
        self._resume = resume
        self._cost = cost
        self.weight = weight
        self._finish: dict[TokenBucket, float] = {}
        self._headed: set[TokenBucket] = set()
        """Buckets whose turn came since it began to wait: there it need not queue again."""
        self.chain = tuple(chain)
        self.entry: tuple[TokenBucket, int] | None = None
        """Where it waits."""
        self.least = 0.0
        self.want = 0.0

    @property
    def waiting(self) -> bool:
        """Whether `resume` will be called."""
        return self.entry is not None

    @property
    def rate(self) -> float:
        """Bytes per second at most, if it were alone."""
        return min(bucket.rate for bucket in self.chain) / self._cost

    def take(self, want: int, now: float, *, least: int = 1) -> int:
        """How many of `want` bytes may move now, counted as if they did; 0: wait for `resume`.

        Fewer than `least` are of no use; a bucket is overdrawn if its burst is smaller than that.
        """
        if self.entry is not None:
            return 0
        self.want, self.least = want * self._cost, least * self._cost
        granted = self.want
        for bucket in self.chain:
            level = bucket.refresh(now)
            if level + ROUNDING < bucket.enough(self.least, self.want) or self._is_behind(bucket):
                self._wait(bucket)
                return 0
            granted = min(granted, level, bucket.quantum)
        self._headed.clear()
        granted = max(granted, self.least)
        for bucket in self.chain:
            bucket.take(granted)
            start = self._start(bucket)
            bucket.progress = start
            self._finish[bucket] = start + granted / self.weight
        return max(least, int(granted / self._cost))

    def charge(self, size: int, now: float) -> None:
        """So many bytes moved that nobody could hold back."""
        cost = size * self._cost
        for bucket in self.chain:
            bucket.refresh(now)
            bucket.charge(cost)
            self._finish[bucket] = self._start(bucket) + cost / self.weight

    def give_back(self, size: int) -> None:
        """So many of the bytes taken last did not move."""
        cost = size * self._cost
        for bucket in self.chain:
            bucket.give_back(cost)
            self._finish[bucket] = self._finish.get(bucket, 0.0) - cost / self.weight

    def turn(self) -> None:
        """Its turn came at the bucket where it waits."""
        assert self.entry is not None
        self._headed.add(self.entry[0])
        self.entry = None
        self._resume()

    def set_chain(self, chain: Sequence[TokenBucket]) -> None:
        """Other limits hold from now on; who waited waits there, or is resumed if that is none."""
        if self.chain == tuple(chain):
            return
        waited = self.entry is not None
        self.close()
        self.chain = tuple(chain)
        self._finish = {b: self._finish[b] for b in self.chain if b in self._finish}
        if waited and self.chain:
            self._wait(self.chain[0])
        elif waited:
            self._resume()

    def close(self) -> None:
        """Wait no more."""
        self.entry = None
        self._headed.clear()

    def _start(self, bucket: TokenBucket) -> float:
        return max(bucket.progress, self._finish.get(bucket, 0.0))

    def _is_behind(self, bucket: TokenBucket) -> bool:
        if bucket in self._headed:
            return False
        first = bucket.first()
        return first is not None and first[0] <= self._start(bucket)

    def _wait(self, bucket: TokenBucket) -> None:
        self.entry = (bucket, bucket.join(self._start(bucket), self))
        self._turns.has_waiter(bucket)
