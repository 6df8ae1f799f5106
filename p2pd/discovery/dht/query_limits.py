"""How many queries a second are answered: of one address, and of all together.

Whoever asks for more is not answered at all: an answer would be larger than its question, and the
address may be somebody else's. Addresses of our own network, where many nodes may be one machine,
have only the bounds of all together.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.base.addresses import PeerAddress, is_local
from p2pd.base.networks import user_of

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class QueryRates:
    """Queries and bytes a second, and how many seconds' worth of them may come at once."""

    of_one: float = 20.0
    of_all: float = 2_000.0
    bytes_of_all: float = 400_000.0
    burst_seconds: float = 3.0
    networks: int = 20_000


class QueryLimits:
    """Buckets that fill as time passes. `refused_of_one` and `refused_of_all` count refusals."""

    __slots__ = (
        "_bytes", "_filled_at", "_former", "_full_at", "_half", "_queries", "_rates",
        "refused_of_all", "refused_of_one",
    )  # fmt: skip

    def __init__(self, now: float, rates: QueryRates | None = None) -> None:
        self._rates = rates = rates or QueryRates()
        self._queries = rates.of_all * rates.burst_seconds
        self._bytes = rates.bytes_of_all * rates.burst_seconds
        self._filled_at = now
        # A network's bucket is the moment at which it will be full again: one that lies behind us
        # says as little as none. Half of the table is forgotten at a time.
        self._full_at: dict[str | bytes, float] = {}
        self._former: dict[str | bytes, float] = {}
        self._half = max(1, rates.networks // 2)
        self.refused_of_one = 0
        self.refused_of_all = 0

    @property
    def networks(self) -> int:
        """How many networks are remembered, at most ``QueryRates.networks``."""
        return len(self._full_at) + len(self._former)

    def use(self, rates: QueryRates) -> None:
        """Other rates from now on."""
        self._rates = rates

    def allows(self, address: PeerAddress, size: int, now: float) -> bool:
        """Whether a query of `size` bytes from there may be answered at `now`; it counts if so."""
        if now != self._filled_at:
            self._fill(now)
        if self._queries < 1 or self._bytes < size:
            self.refused_of_all += 1
            return False
        host = address.host
        if not is_local(host) and not self._one_allows(user_of(host), now):
            self.refused_of_one += 1
            return False
        self._queries -= 1
        self._bytes -= size
        return True

    def _fill(self, now: float) -> None:
        passed = now - self._filled_at
        if passed > 0:
            rates = self._rates
            most = rates.burst_seconds
            self._queries = min(rates.of_all * most, self._queries + passed * rates.of_all)
            self._bytes = min(rates.bytes_of_all * most, self._bytes + passed * rates.bytes_of_all)
            self._filled_at = now

    def _one_allows(self, network: str | bytes, now: float) -> bool:
        full_at = self._full_at.get(network)
        if full_at is None:
            full_at = self._former.pop(network, now)
            if len(self._full_at) >= self._half:
                self._former, self._full_at = self._full_at, {}
        after = max(full_at, now) + 1 / self._rates.of_one
        allowed = after - now <= self._rates.burst_seconds + _ROUNDING
        self._full_at[network] = after if allowed else full_at
        return allowed
