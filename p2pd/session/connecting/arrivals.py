"""Who knocks: accepted connections that have not yet said which torrent they want.

A stranger costs nothing but a system call until there is a place for him: he is counted and turned
away before any object is made for him. Places are few, of one host fewer, and who holds one and
does not come to an end loses it to the next when all are taken: at once where his network has many,
and else when he has had his time. Addresses of the local network count like any.
"""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict
from typing import Callable, Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.base.clock import Clock
from p2pd.base.networks import provider_of, user_of

HANDSHAKES = 200
"""Handshakes of strangers under way."""

PER_HOST_HANDSHAKES = 20
"""Of one IPv4 address, or of one /64."""

CROWD_SHARE = 10
"""Where one network (/16, /32) has this part of the strangers, the first of them gives way to who
comes from a network that has fewer, even if it came just now: whoever floods has many addresses,
but seldom in many networks."""

DIALLED_HANDSHAKES = 200
"""Handshakes under way with those that we dialled: whoever tells us of addresses that accept and
say nothing does not take every connection with them."""

GRACE_SECONDS = 3.0
"""What everyone has for a handshake, however many others knock: some round trips."""

SPARE_CONNECTIONS = 10
"""Accepted beyond the limit, to hear which torrent they want: somebody may give way there."""


class HandshakeEnd(enum.Enum):
    """How a handshake came to nothing."""

    HUNG_UP = "hung_up"
    SILENT = "silent"
    GAVE_WAY = "gave_way"
    GARBAGE = "garbage"
    OTHER_TORRENT = "other_torrent"
    """Not here, or not the one that it was dialled for."""
    KEPT_AWAY = "kept_away"
    """Put on the blocklist meanwhile."""
    CLOSING = "closing"
    NOT_PROVED = "not_proved"
    """Of a torrent for trusted nodes alone: it did not prove to be one."""
    NOT_BOUND = "not_bound"
    """The same: it could not, in the clear."""


class Stranger(Protocol):
    """A connection under way to its handshake."""

    address: PeerAddress
    began: float

    def fail(self, reason: str, end: HandshakeEnd) -> None:
        """Close it."""


class Arrivals:
    """The places for strangers. `turned_away` counts refusals by what they were for."""

    def __init__(
        self,
        clock: Clock,
        *,
        room: Callable[[], int],
        blocked: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`room` tells how many more connections may be open, `blocked` whom never to take."""
        self._blocked = blocked
        self._clock = clock
        self._room = room
        self._strangers: dict[Stranger, None] = {}
        self._of_host: Counter[str | bytes] = Counter()
        self._of_network: dict[str | bytes, OrderedDict[Stranger, None]] = {}
        self.turned_away: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._strangers)

    def admits(self, host: str) -> bool:
        """Whether a connection from there is taken; if not, it is counted and to be closed."""
        refusal = self._refusal(host)
        if refusal:
            self.turned_away[refusal] += 1
        return not refusal

    def came(self, stranger: Stranger) -> None:
        """A connection that was admitted."""
        self._strangers[stranger] = None
        host = stranger.address.host
        self._of_host[user_of(host)] += 1
        self._of_network.setdefault(provider_of(host), OrderedDict())[stranger] = None

    def went(self, stranger: Stranger) -> None:
        """It shook hands, or it ended."""
        del self._strangers[stranger]
        user, network = user_of(stranger.address.host), provider_of(stranger.address.host)
        self._of_host[user] -= 1
        if not self._of_host[user]:
            del self._of_host[user]
        del self._of_network[network][stranger]
        if not self._of_network[network]:
            del self._of_network[network]

    def give_way(self) -> None:
        """We dial somebody, and there is no other place for that: the first one goes."""
        if self._strangers:
            oldest = next(iter(self._strangers))
            oldest.fail("its place was needed for a peer that is dialled", HandshakeEnd.GAVE_WAY)

    def _refusal(self, host: str) -> str:
        if self._blocked(host):
            return "blocked"
        if self._of_host[user_of(host)] >= PER_HOST_HANDSHAKES:
            return "host_handshakes"
        room = self._room() + SPARE_CONNECTIONS
        if room <= 0 and (room + len(self) <= 0 or not self._make_room(host)):
            return "session_full"
        if len(self) >= HANDSHAKES and not self._make_room(host):
            return "handshakes"
        return ""

    def _make_room(self, host: str) -> bool:
        oldest = next(iter(self._strangers))
        if self._clock.seconds() - oldest.began < GRACE_SECONDS:
            crowd = max(self._of_network.values(), key=len)
            own = self._of_network.get(provider_of(host), ())
            if len(crowd) < len(self) // CROWD_SHARE or len(crowd) <= len(own) + 1:
                return False
            oldest = next(iter(crowd))
        oldest.fail("others came before it had shaken hands", HandshakeEnd.GAVE_WAY)
        return True
