"""qBittorrent's word for what a torrent does, and the filters that are made of these words.

The words are those of its version 4: a stopped torrent is `pausedDL` or `pausedUP`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from p2pd.session.api import DiskState, TorrentStatus, TorrentTrouble, TorrentView

RUNNING: Mapping[TorrentStatus, tuple[str, str]] = {
    TorrentStatus.STOPPED: ("pausedDL", "pausedUP"),
    TorrentStatus.CHECK_WAIT: ("checkingResumeData", "checkingResumeData"),
    TorrentStatus.CHECKING: ("checkingDL", "checkingUP"),
    TorrentStatus.DOWNLOAD_WAIT: ("queuedDL", "queuedDL"),
    TorrentStatus.SEED_WAIT: ("queuedUP", "queuedUP"),
}
"""By status: the word for one that was never complete, and for one that was."""

DOWNLOADS = frozenset(
    ("downloading", "metaDL", "forcedMetaDL", "stalledDL", "checkingDL", "pausedDL", "queuedDL",
     "forcedDL")
)  # fmt: skip
SEEDS = frozenset(("uploading", "stalledUP", "checkingUP", "queuedUP", "forcedUP"))
PAUSED = frozenset(("pausedDL", "pausedUP"))
MOVING_DATA = frozenset(("downloading", "forcedDL", "metaDL", "uploading", "forcedUP", "moving"))


def state_of(torrent: TorrentView) -> str:
    """The word for what it does now."""
    if torrent.move is not None and torrent.move.stage != "waiting":
        return "moving"
    status = torrent.status
    if torrent.trouble is TorrentTrouble.LOCAL:
        return "missingFiles" if torrent.disk_state is DiskState.MISSING else "error"
    if status is TorrentStatus.DOWNLOADING:
        if torrent.summary is None:
            return "metaDL"
        return "downloading" if torrent.rate_download >= 1 else "stalledDL"
    if status is TorrentStatus.SEEDING:
        return "uploading" if torrent.rate_upload >= 1 else "stalledUP"
    return RUNNING[status][_was_complete(torrent)]


def _was_complete(torrent: TorrentView) -> bool:
    if torrent.status is TorrentStatus.STOPPED:
        return torrent.summary is not None and not torrent.left_until_done
    # A check begins with nothing: what was there before is told by that it was done, or seeded.
    return torrent.completed_at > 0 or torrent.seconds_seeding > 0


def _is_active(state: str, torrent: TorrentView) -> bool:
    return state in MOVING_DATA or (state == "stalledDL" and torrent.rate_upload >= 1)


FILTERS: Mapping[str, Callable[[str, TorrentView], bool]] = {
    "downloading": lambda state, torrent: state in DOWNLOADS,
    "seeding": lambda state, torrent: state in SEEDS,
    "completed": lambda state, torrent: state in SEEDS or state == "pausedUP",
    "paused": lambda state, torrent: state in PAUSED,
    "stopped": lambda state, torrent: state in PAUSED,
    "resumed": lambda state, torrent: state not in PAUSED,
    "running": lambda state, torrent: state not in PAUSED,
    "active": _is_active,
    "inactive": lambda state, torrent: not _is_active(state, torrent),
    "stalled": lambda state, torrent: state in ("stalledUP", "stalledDL"),
    "stalled_uploading": lambda state, torrent: state == "stalledUP",
    "stalled_downloading": lambda state, torrent: state == "stalledDL",
    "checking": lambda state, torrent: state.startswith("checking"),
    "moving": lambda state, torrent: state == "moving",
    "errored": lambda state, torrent: state in ("error", "missingFiles"),
}
"""By the word that a client asks with; any other means all torrents, as in qBittorrent."""
