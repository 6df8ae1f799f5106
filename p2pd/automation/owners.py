"""Whose torrents are that the daemon adds by itself. Who users are is known above this room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from p2pd.session.api import AddedTorrent, SessionApi
from p2pd.session.torrents.torrent_requests import AddTorrent

AddFor = Callable[[str, AddTorrent], Awaitable[AddedTorrent]]
"""Adds a torrent as that of a user, by name; an empty one is nobody. Raises P2pdError."""


def as_nobodys(api: SessionApi) -> AddFor:
    """Where there are no users."""
    return lambda owner, request: api.add(request)
