"""What is asked of a torrent whose peers are reached by TLS, and what it is told."""

from __future__ import annotations

from typing import Any


async def go_on(torrent: Any) -> None:
    """It can have peers now, and perhaps could not before."""
    if not (torrent.running or torrent.error):
        await torrent.start_unless_paused()
    elif torrent.running and not torrent.resting:  # one that rests waits to be found
        torrent.dialling.wake()


def link_name(torrent: Any) -> str:
    """What its link calls a torrent without metadata; empty if it does not."""
    magnet = torrent.link.magnet
    return "" if magnet is None or magnet.name is None else magnet.name
