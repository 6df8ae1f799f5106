"""How often it is told whether a secret is that of a torrent that is here, to who adds it again.

Who may add torrents, and sees one that has a secret, may not know it: with few answers to have, and
each of them late, a passphrase is not found out so.
"""

from __future__ import annotations

from p2pd.base.clock import Clock

AT_ONCE = 5
SECONDS_EACH = 60.0
"""For one more, after these."""


class Guesses:
    """Of the torrents of a session; each torrent's are counted for itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[int, float] = {}
        """By the torrent's id, when it will have as many as at first."""

    def __len__(self) -> int:
        return len(self._until)

    def takes(self, torrent: int) -> bool:
        """Whether one more is answered; it counts if so, whatever the answer is."""
        now = self._clock.seconds()
        until = max(self._until.get(torrent, now), now) + SECONDS_EACH
        if until > now + AT_ONCE * SECONDS_EACH:
            return False
        self._until[torrent] = until
        return True

    def forget(self, torrent: int) -> None:
        """It is not here any more, or has another secret: what was tried is worth nothing."""
        self._until.pop(torrent, None)
