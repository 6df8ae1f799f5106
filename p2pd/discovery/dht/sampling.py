"""What is told of the info-hashes stored here (BEP 51): the same for some time, then others."""

from __future__ import annotations

from p2pd.discovery.dht.peer_store import PeerStore

INTERVAL = 600
"""Seconds; whoever asks again before learns nothing new."""

SAMPLES = 32
"""They fit into a datagram, with the nodes of an answer."""


class Sampling:
    """A sample of the store, made anew when it was told for long enough."""

    def __init__(self, peers: PeerStore) -> None:
        self._peers = peers
        self._made_at: float | None = None
        self._samples = b""

    def at(self, now: float) -> tuple[int, int, bytes]:
        """The seconds until there are others, how many info-hashes there are, and the samples."""
        if self._made_at is None or now - self._made_at >= INTERVAL:
            self._peers.expire(now)
            self._samples = b"".join(self._peers.sample(SAMPLES))
            self._made_at = now
        left = INTERVAL - int(now - self._made_at)
        return left, self._peers.info_hashes, self._samples
