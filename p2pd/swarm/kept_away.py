"""Who is neither dialled nor let in: who is banned, and who is on the blocklist.

Refuses to know why, and where either is from.
"""

from __future__ import annotations

from typing import Callable

from p2pd.swarm.bans import Bans


class KeptAway:
    """Both in one question, for all torrents of a session."""

    __slots__ = ("_bans", "_blocked")

    def __init__(self, bans: Bans, blocked: Callable[[str], bool]) -> None:
        """`blocked` tells of an IP address whether it is on the blocklist."""
        self._bans = bans
        self._blocked = blocked

    def covers(self, host: str, port: int = 0, peer_id: bytes = b"", node_key: bytes = b"") -> bool:
        """Whether to keep away from the host, from the peer there with this port or id, or from
        the node with this key, wherever it is.
        """
        return self._bans.covers(host, port, peer_id, node_key) or self._blocked(host)
