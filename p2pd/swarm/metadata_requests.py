"""Which piece of a magnet's metadata (BEP 9) is asked of which peer, and when of another one.

Several peers are asked at once, each for other pieces; whoever is slow with what nobody else has to
give is not waited for. What the pieces say is not known here. `now` is seconds.
"""

from __future__ import annotations

from typing import Hashable, Iterable, Protocol, Sequence, TypeVar

PER_PEER = 4
"""Pieces that a peer is asked for at a time."""

HURRY_SECONDS = 3.0
"""After which a second peer is asked for the same, if there is nothing else to ask it for."""

MOST_ASKED = 2
"""Peers that are asked for one piece at a time."""

ANSWER_SECONDS = 15.0
"""After which a peer is not expected to answer any more."""

QUIET_SECONDS = 20.0
"""For which a peer is asked nothing that refused, or did not answer."""

Peer = TypeVar("Peer", bound=Hashable)


class WantedMetadata(Protocol):
    """What is to come (ut_metadata.MetadataAssembly)."""

    def missing(self, peer: Hashable) -> Sequence[int]:
        """The pieces that this peer may be asked for, in order."""

    def group(self, peer: Hashable) -> Hashable:
        """The same for peers whose pieces are put together."""


class _Source:
    """A peer that may have the metadata."""

    __slots__ = ("asked", "ever", "failures", "quiet_until")

    def __init__(self) -> None:
        self.asked: dict[int, tuple[float, Hashable]] = {}
        self.ever: set[int] = set()
        self.failures = 0
        self.quiet_until = float("-inf")


class MetadataRequests:
    """The requests of one torrent that are under way. Peers are any hashable keys."""

    def __init__(self, wanted: WantedMetadata) -> None:
        self._wanted = wanted
        self._sources: dict[Hashable, _Source] = {}
        self._askers: dict[tuple[Hashable, int], dict[Hashable, float]] = {}

    def next_for(self, peer: Hashable, now: float) -> list[int]:
        """What to ask a peer for now; that counts as asked."""
        source = self._sources.setdefault(peer, _Source())
        room = PER_PEER - len(source.asked)
        if room <= 0 or now < source.quiet_until:
            return []
        group = self._wanted.group(peer)
        missing = [piece for piece in self._wanted.missing(peer) if piece not in source.asked]
        chosen = [piece for piece in missing if not self._askers.get((group, piece))][:room]
        if len(chosen) < room:
            late = (piece for piece in missing if self._is_late((group, piece), now))
            chosen += [piece for piece in late if piece not in chosen][: room - len(chosen)]
        for piece in chosen:
            source.asked[piece] = (now, group)
            source.ever.add(piece)
            self._askers.setdefault((group, piece), {})[peer] = now
        return chosen

    def answered(self, peer: Hashable, piece: int) -> bool:
        """A peer sent a piece: whether it was ever asked for it, so that late ones count."""
        source = self._sources.get(peer)
        if source is None or piece not in source.ever:
            return False
        self._settle(peer, source, piece)
        return True

    def rejected(self, peer: Hashable, piece: int, now: float) -> None:
        """A peer does not give what it was asked for; what it was not is nobody's business."""
        source = self._sources.get(peer)
        if source is not None and piece in source.asked:
            self._settle(peer, source, piece)
            self._failed(source, now)

    def refuse(self, peer: Hashable, now: float) -> None:
        """A peer says what cannot be: others come first."""
        self._failed(self._sources.setdefault(peer, _Source()), now)

    def give_up(self, now: float) -> None:
        """Whoever did not answer for long is not waited for any more."""
        for peer, source in self._sources.items():
            due = [piece for piece, (at, _) in source.asked.items() if now - at > ANSWER_SECONDS]
            for piece in due:
                self._settle(peer, source, piece)
            if due:
                self._failed(source, now)

    def in_turn(self, peers: Iterable[Peer]) -> list[Peer]:
        """Peers in the order in which to ask them: those that failed least first."""
        return sorted(peers, key=self._failures)

    def left(self, peer: Hashable) -> None:
        """A peer is gone."""
        source = self._sources.pop(peer, None)
        for piece in list(source.asked) if source is not None else ():
            assert source is not None
            self._settle(peer, source, piece)

    def clear(self) -> None:
        """All is here."""
        self._sources.clear()
        self._askers.clear()

    def _failures(self, peer: Hashable) -> int:
        source = self._sources.get(peer)
        return 0 if source is None else source.failures

    def _is_late(self, key: tuple[Hashable, int], now: float) -> bool:
        askers = self._askers.get(key, {})
        waited = all(now - at >= HURRY_SECONDS for at in askers.values())
        return 0 < len(askers) < MOST_ASKED and waited

    def _settle(self, peer: Hashable, source: _Source, piece: int) -> None:
        _, group = source.asked.pop(piece, (0.0, None))
        askers = self._askers.get((group, piece))
        if askers is not None:
            askers.pop(peer, None)
            if not askers:
                del self._askers[group, piece]

    @staticmethod
    def _failed(source: _Source, now: float) -> None:
        source.failures += 1
        source.quiet_until = now + QUIET_SECONDS
