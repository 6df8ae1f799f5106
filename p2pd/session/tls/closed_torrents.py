"""What is asked of a torrent whose peers are reached by TLS, and what it is told."""

from __future__ import annotations

from typing import Any

from p2pd.base.errors import P2pdError
from p2pd.discovery.tracker_client.states import TrackerState
from p2pd.session.connecting.admission import Way

BY_SECRET = "its peers know a secret: that has to be taken away first (p2pctl set --no-secret)"


async def go_on(torrent: Any) -> None:
    """It can have peers now, and perhaps could not before."""
    if not (torrent.running or torrent.error):
        await torrent.start_unless_paused()
        return
    announcer = torrent.trackers.announcer
    if torrent.running and any(map(_failed, announcer.states())):
        announcer.reannounce()  # it may have been for want of a certificate
    if torrent.running and not torrent.resting:  # one that rests waits to be found
        torrent.dialling.wake()


def _failed(state: TrackerState) -> bool:
    return bool(state.last_announce_at) and not state.last_announce_succeeded


def link_name(torrent: Any) -> str:
    """What its link calls a torrent without metadata; empty if it does not."""
    magnet = torrent.link.magnet
    return "" if magnet is None or magnet.name is None else magnet.name


def check_no_secret(torrent: Any) -> None:
    """Raises P2pdError for one whose peers know a secret: they have no certificates."""
    if torrent.way is Way.SECRET:
        raise P2pdError(BY_SECRET)


async def close_for_good(host: Any, torrent: Any) -> None:
    """Its record says that its peers are reached by TLS alone, whatever becomes of its metadata or
    of the files with its CA: without these it waits. Raises StateError.
    """
    record = torrent.record
    if record.by_tls:
        return
    record.by_tls = True
    try:
        await host.store.save(record)
    except P2pdError:
        record.by_tls = False
        raise


def is_here(host: Any, torrent: Any) -> bool:
    """Whether it was not removed."""
    wire_ids = torrent.info_hashes.wire_ids
    return any(host.torrent_by_wire_id(each) is torrent for each in wire_ids)
