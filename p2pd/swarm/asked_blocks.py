"""What is asked of one peer, and what was asked of it in vain. Knows nothing of pieces' states."""

from __future__ import annotations

from typing import Collection, Hashable, Protocol, cast

from p2pd.base.requests import Request

LATE_LIMIT = 1024
"""Given up requests that are remembered: a block that arrives late is still a block."""


class Pace(Protocol):
    """How soon a peer answers, as far as can be told; `now` is seconds of any clock."""

    def answer_takes(self, ahead: int, now: float) -> float:
        """Seconds to the answer of a request behind so many others; infinite: nobody knows."""

    def answers_within(self, seconds: float, now: float) -> int:
        """How many of the requests that wait at it should be answered within so many seconds."""


class AskedBlocks:
    """The requests at one peer, oldest first, each with the number of the pick that made it."""

    __slots__ = ("_backlog", "failed", "late", "pace", "requests", "slow")

    def __init__(self) -> None:
        self.requests: dict[tuple[int, int, int], int] = {}
        self.late: dict[tuple[int, int, int], None] = {}
        self.failed = 0
        """The mask of pieces of which it did not deliver what was asked: others should try."""
        self.slow = False
        self.pace: Pace | None = None
        self._backlog: list[tuple[int, int, int]] | None = None

    def ask(self, requests: list[Request], serial: int) -> None:
        """These are asked from now on."""
        self.requests.update(dict.fromkeys(requests, serial))
        self._backlog = None

    def ask_too(self, requests: list[Request], serial: int) -> None:
        """These are asked from now on, as they are of others: the others' backlog has them."""
        self.requests.update(dict.fromkeys(requests, serial))

    def set_slow(self, slow: bool) -> None:
        """Whether it keeps us waiting."""
        if slow != self.slow:
            self.slow = slow
            self._backlog = None

    @property
    def backlog(self) -> list[tuple[int, int, int]]:
        """Requests, oldest first, that more peers may be asked for; the end game's to shorten.

        Some may be answered already. What nobody else may be asked for is looked at once, not
        at every pick.
        """
        if self._backlog is None:
            self._backlog = list(self.requests)
        return self._backlog

    def restore_backlog(self) -> None:
        """Some request is no longer asked of as many."""
        self._backlog = None

    def give_up(self, request: tuple[int, int, int]) -> bool:
        """A request came to nothing; whether there was one."""
        if self.requests.pop(request, None) is None:
            return False
        self.late[request] = None
        if len(self.late) > LATE_LIMIT:
            del self.late[next(iter(self.late))]
        return True

    @property
    def outstanding(self) -> Collection[Request]:
        """A live view of the requests."""
        return cast(Collection[Request], self.requests.keys())

    @property
    def waiting_since(self) -> int:
        """The number of the pick that made the oldest request."""
        return next(iter(self.requests.values()))


class AskedPeers:
    """The :class:`AskedBlocks` of every peer that was ever picked for and is not forgotten."""

    __slots__ = ("_by_peer",)

    def __init__(self) -> None:
        self._by_peer: dict[Hashable, AskedBlocks] = {}

    def of(self, peer: Hashable) -> AskedBlocks:
        """Those of one peer, made when there are none."""
        asked = self._by_peer.get(peer)
        if asked is None:
            asked = self._by_peer[peer] = AskedBlocks()
        return asked

    def get(self, peer: Hashable) -> AskedBlocks | None:
        """Those of one peer, if any."""
        return self._by_peer.get(peer)

    def forget(self, peer: Hashable) -> AskedBlocks | None:
        """The peer is gone."""
        return self._by_peer.pop(peer, None)

    def anyone_but(self, asked: AskedBlocks) -> bool:
        """Whether any other peer has requests to answer."""
        return any(other.requests for other in self._by_peer.values() if other is not asked)

    def any_slow(self) -> bool:
        """Whether some peer keeps us waiting."""
        return any(asked.slow for asked in self._by_peer.values())

    def slowest_first(self, asked: AskedBlocks, *, only_slow: bool) -> list[AskedBlocks]:
        """The other peers with requests: the slow, then those whose answer is longest due."""
        others = [
            other
            for other in self._by_peer.values()
            if (other.slow or not only_slow) and other.requests and other is not asked
        ]
        others.sort(key=lambda other: (not other.slow, other.waiting_since))
        return others

    def restore_backlogs(self) -> None:
        """A request is asked of one peer less, and of some still."""
        for asked in self._by_peer.values():
            asked.restore_backlog()

    def withdraw(self, request: tuple[int, int, int]) -> tuple[Hashable, ...]:
        """Take a request from everyone it is still asked of, and say who that was."""
        return tuple(
            peer
            for peer, asked in self._by_peer.items()
            if asked.requests.pop(request, None) is not None
        )

    def withdraw_piece(self, piece: int) -> list[tuple[Hashable, Request]]:
        """Take every request for a piece from everyone; what that was."""
        withdrawn = []
        for peer, asked in self._by_peer.items():
            for request in [request for request in asked.outstanding if request.piece == piece]:
                del asked.requests[request]
                withdrawn.append((peer, request))
        return withdrawn
