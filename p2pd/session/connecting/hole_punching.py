"""What the session needs of a transport that can punch holes (BEP 55): none over TCP can."""

from __future__ import annotations

from typing import Any, Protocol

from p2pd.base.addresses import PeerAddress


class HolePuncher(Protocol):
    """A transport over UDP, whose packets leave by the port that others know."""

    def punch(self, torrent: Any, address: PeerAddress) -> None:
        """Dial this address now, and again some times soon: its peer does the same.

        What comes of it is a connection of the torrent like any that was dialled, or nothing.
        """
