"""Who gives way in a line that is full, so that no network has it for itself.

Places are counted by provider (/16, /32), by customer in each (/24, /48), and by user (an IPv4
address, a /64) in each of these. Who comes from a provider with fewer places than another one has
takes the newest of the one that has most; among those of one provider it is the same with customers
and then with users. Nobody is displaced for a difference of one: the two would take turns.

What is asked here costs the same however many are in line.
"""

from __future__ import annotations

from collections import OrderedDict

from p2pd.base.networks import provider_of, site_of, user_of

Whose = str | bytes
Path = tuple[Whose, Whose, Whose]
"""The provider, the customer, and the user."""


def path_of(host: str) -> Path:
    """Whose a place is that is for somebody at this address."""
    return provider_of(host), site_of(host), user_of(host)


class _Crowd:
    """Those of one kind that have places, and how many each; who has most is known at once."""

    __slots__ = ("_counts", "_with", "most")

    def __init__(self) -> None:
        self._counts: dict[Whose, int] = {}
        self._with: dict[int, OrderedDict[Whose, None]] = {}
        """Who has so many; who came to it last comes last."""
        self.most = 0

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, whose: Whose) -> int:
        """How many places he has."""
        return self._counts.get(whose, 0)

    def greatest(self) -> Whose:
        """Who has most; of several who has that many for the shortest time."""
        return next(reversed(self._with[self.most]))

    def change(self, whose: Whose, by: int) -> None:
        """One place more, or less."""
        before = self._counts.pop(whose, 0)
        now = before + by
        if before:
            del self._with[before][whose]
        if now:
            self._counts[whose] = now
            self._with.setdefault(now, OrderedDict())[whose] = None
            self.most = max(self.most, now)
        if before and not self._with[before]:
            del self._with[before]
            if self.most == before:
                self.most = now  # only who had most has fewer, and that by one


class FairPlaces:
    """The places of all who wait."""

    def __init__(self) -> None:
        self._crowds: dict[tuple[Whose, ...], _Crowd] = {}
        """Who is below what: providers, the customers of each, and the users of each of these."""

    def take(self, path: Path) -> None:
        """One more place."""
        for depth, whose in enumerate(path):
            self._crowds.setdefault(path[:depth], _Crowd()).change(whose, 1)

    def leave(self, path: Path) -> None:
        """A place that is no longer needed."""
        for depth, whose in enumerate(path):
            crowd = self._crowds[path[:depth]]
            crowd.change(whose, -1)
            if not crowd:
                del self._crowds[path[:depth]]

    def displaced_by(self, path: Path) -> Whose | None:
        """The user whose newest place goes to who has this path; None: he has to be refused."""
        for depth, whose in enumerate(path):
            crowd = self._crowds.get(path[:depth])
            if crowd is None:
                break
            if crowd.count(whose) + 1 < crowd.most:
                return self._greatest_user(path[:depth])
        return None

    def _greatest_user(self, below: tuple[Whose, ...]) -> Whose:
        while True:
            found = self._crowds[below].greatest()
            below = (*below, found)
            if below not in self._crowds:
                return found
