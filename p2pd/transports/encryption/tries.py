"""How often strangers may begin an encrypted handshake that comes to nothing.

Who guesses at the secret of a swarm guesses at what it is called, and is told that he was wrong by
the end of his connection: so each connection of which nothing became is a try, whatever it named,
and how many an address may make does not depend on what is here. Each is taken when a key is asked
for and given back when the handshake is through, so that tries at the same time are counted, too.
Nobody gets more for handshakes that succeed: who may join one swarm may guess at another's secret.

Who uses up what his network may has its other users wait, too. So what one customer may have is far
less than what his provider may.
"""

from __future__ import annotations

from collections import OrderedDict

from p2pd.base.clock import Clock
from p2pd.base.networks import provider_of, site_of, user_of

AT_ONCE = 60
"""Tries of one IPv4 address, or of one /64, after a rest."""

PER_SECOND = 1.0
"""Then: about as fast as one core makes secrets of passphrases."""

SITE_TIMES = 10
"""How much more a customer may (/24, /48), who has as many addresses as he likes."""

PROVIDER_TIMES = 100
"""And all customers of a provider (/16, /32) together."""

REMEMBERED = 4096
"""Addresses, and networks of each size, that tried lately."""


class _Allowances:
    """Of many, by whose they are; who has all of his is not remembered."""

    __slots__ = ("_clock", "_known", "_most", "_rate")

    def __init__(self, clock: Clock, most: float, rate: float) -> None:
        self._clock = clock
        self._most = most
        self._rate = rate
        self._known: OrderedDict[str | bytes, tuple[float, float]] = OrderedDict()
        """What each had, and when; who tried last comes last."""

    def __len__(self) -> int:
        return len(self._known)

    def left(self, whose: str | bytes) -> float:
        """How many tries he has now."""
        level, at = self._known.get(whose, (self._most, 0.0))
        return min(self._most, level + (self._clock.seconds() - at) * self._rate)

    def change(self, whose: str | bytes, by: float) -> None:
        """He has more or fewer from now on."""
        level = self.left(whose) + by
        self._known.pop(whose, None)
        if level < self._most:
            self._known[whose] = level, self._clock.seconds()
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


class Tries:
    """Of all strangers."""

    def __init__(self, clock: Clock) -> None:
        self._by_size = [
            (whose, _Allowances(clock, AT_ONCE * times, PER_SECOND * times))
            for whose, times in ((user_of, 1), (site_of, SITE_TIMES), (provider_of, PROVIDER_TIMES))
        ]
        self.begun = self.through = self.refused = 0

    def by_result(self) -> dict[tuple[str, ...], float]:
        """For readers: how many began, came through, and were not let."""
        return {
            ("begun",): self.begun,
            ("through",): self.through,
            ("refused",): self.refused,
        }

    def begins(self, host: str) -> bool:
        """Whether one more may begin from there, which is a try from now on."""
        if any(allowances.left(whose(host)) < 1 for whose, allowances in self._by_size):
            self.refused += 1
            return False
        self._change(host, -1)
        self.begun += 1
        return True

    def ends_well(self, host: str) -> None:
        """One is through: it was none."""
        self._change(host, 1)
        self.through += 1

    def _change(self, host: str, by: float) -> None:
        for whose, allowances in self._by_size:
            allowances.change(whose(host), by)
