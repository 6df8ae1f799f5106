"""Much of many torrents at rest, read at a fraction of what it costs to ask a report for each.

One at rest does nothing, so most of what lists show of it is told by its state alone, and that is
the same for thousands: whoever knows the answers for one knows them for all. The rest stands in its
record, from where it is taken as it is.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Hashable, Iterable, Mapping

from p2pd.session.api import TorrentView
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.session.torrents.torrent_trouble import why_closed

_RECORD = "torrent.record."

PLACES: Mapping[str, str] = {
    "active_at": f"{_RECORD}active_at",
    "added_at": f"{_RECORD}added_at",
    "corrupt": f"{_RECORD}corrupt",
    "current_dir": f"{_RECORD}download_dir",
    "downloaded": f"{_RECORD}downloaded",
    "edited_at": f"{_RECORD}edited_at",
    "hash_string": "torrent.info_hashes.hash_string",
    "have_valid": f"{_RECORD}summary.total",
    "id": f"{_RECORD}id",
    "info_hashes": "torrent.info_hashes",
    "labels": f"{_RECORD}labels",
    "limits.download_limit": f"{_RECORD}download_limit",
    "limits.download_limited": f"{_RECORD}download_limited",
    "limits.group": f"{_RECORD}bandwidth_group",
    "limits.honors_session_limits": f"{_RECORD}honors_session_limits",
    "limits.priority": f"{_RECORD}bandwidth_priority",
    "limits.upload_limit": f"{_RECORD}upload_limit",
    "limits.upload_limited": f"{_RECORD}upload_limited",
    "owner": f"{_RECORD}owner",
    "seed_choking": f"{_RECORD}seed_choking",
    "sequential": f"{_RECORD}sequential",
    "sequential_from": f"{_RECORD}sequential_from",
    "size_when_done": f"{_RECORD}summary.wanted",
    "started_at": "torrent.started_at",
    "summary": f"{_RECORD}summary",
    "super_seeding": f"{_RECORD}super_seeding",
    "total_size": f"{_RECORD}summary.total",
    "tracker_tiers": f"{_RECORD}trackers",
    "uploaded": f"{_RECORD}uploaded",
}
"""Where a report of one at rest has what it shows, if it is there as it is shown."""


class RestingReader:
    """Reads some attributes (of api.TorrentView) of one torrent after another (follow_api)."""

    def __init__(self, attributes: Iterable[str]) -> None:
        places = [PLACES.get(attribute, attribute) for attribute in attributes]
        # Of one place alone it would not answer a tuple.
        self._read = attrgetter(*places, "id", "id")

    def read(self, torrent: TorrentView) -> tuple[Hashable, tuple[Any, ...]] | None:
        """The state of one that rests, and the attributes (what follows them means nothing)."""
        assert isinstance(torrent, TorrentReport)
        state = state_at_rest(torrent.torrent)
        return None if state is None else (state, self._read(torrent))


def state_at_rest(torrent: Torrent) -> Hashable | None:
    """What those have in common that show the same but for who they are; None: it does something.

    It holds for this turn of the reactor.
    """
    host, record, opening = torrent.host, torrent.record, torrent.opening
    if torrent.has_parts or opening.busy or not record.is_whole:
        return None
    if opening.check is not None or host.moves.of(torrent) is not None:
        return None
    running, missing = torrent.running, torrent.missing.why
    return (
        host.queues.waits(torrent),
        running or torrent.preparing > 0,
        not missing,
        missing or torrent.error or why_closed(torrent),
        torrent.trackers.announcer.trouble() if running else "",
        host.rules.share_limits(record),
    )
