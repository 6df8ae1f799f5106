"""Who sends bad data: strikes for pieces that failed their hash (BEP 3, piece hashes).

Refuses to know of addresses and bans: it says of whom there is enough.
"""

from __future__ import annotations

from typing import Collection, Hashable

ENOUGH = 3
"""Failed pieces, less those that passed, at which a peer is no longer believed."""

REMEMBERED = 4096


class Suspicion:
    """Strikes of the peers of one torrent."""

    __slots__ = ("_strikes",)

    def __init__(self) -> None:
        self._strikes: dict[Hashable, int] = {}

    def failed(self, contributors: Collection[Hashable]) -> list[Hashable]:
        """A piece failed its hash: those of its contributors to be banned.

        Who sent it alone is guilty; of several, those who were there too often.
        """
        if len(contributors) == 1:
            guilty = list(contributors)
        else:
            guilty = [peer for peer in contributors if self._strike(peer) >= ENOUGH]
        for peer in guilty:
            self.forget(peer)
        return guilty

    def passed(self, contributors: Collection[Hashable]) -> None:
        """A piece passed: one strike less for each."""
        if not self._strikes:
            return
        for peer in contributors:
            strikes = self._strikes.get(peer)
            if strikes is not None:
                if strikes > 1:
                    self._strikes[peer] = strikes - 1
                else:
                    del self._strikes[peer]

    def strikes(self, peer: Hashable) -> int:
        """Failed pieces that the peer had a part in, less those that passed."""
        return self._strikes.get(peer, 0)

    def forget(self, peer: Hashable) -> None:
        """The peer is gone for good."""
        self._strikes.pop(peer, None)

    def _strike(self, peer: Hashable) -> int:
        strikes = self._strikes.pop(peer, 0) + 1
        self._strikes[peer] = strikes  # at the end: the longest unsuspected are forgotten first
        if len(self._strikes) > REMEMBERED:
            del self._strikes[next(iter(self._strikes))]
        return strikes
