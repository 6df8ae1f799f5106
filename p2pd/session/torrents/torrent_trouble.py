"""What is wrong with a torrent here, in a word for programs and in words for people."""

from __future__ import annotations

from p2pd.base.errors import DiskFullError, ReadOnlyError
from p2pd.session.api import DiskState
from p2pd.session.torrents.torrent import Torrent

FULL_DISK = (
    "there is no room on the disk, or no more than storage.keep_free_mib keeps free; "
    "it goes on by itself when there is"
)
SILENT_DISK = "the disk does not answer; what is on it waits until it does"
READ_ONLY = "the download folder is read only; it goes on by itself when it can be written to"
DISK_WORDS = {
    DiskState.FULL: FULL_DISK,
    DiskState.READ_ONLY: READ_ONLY,
    DiskState.SILENT: SILENT_DISK,
}


def disk_state(torrent: Torrent) -> DiskState:
    """What it waits for, of its disk."""
    content = torrent.content
    if torrent.missing.why:
        return DiskState.MISSING
    if torrent.error or content is None:
        return DiskState.OK
    if content.device.silent:
        return DiskState.SILENT
    if not torrent.running or torrent.is_complete():
        return DiskState.OK
    if content.pieces.read_only or isinstance(content.pieces.kept.problem, ReadOnlyError):
        return DiskState.READ_ONLY
    if content.pieces.kept.problem is not None:
        full = isinstance(content.pieces.kept.problem, DiskFullError)
        return DiskState.FULL if full else DiskState.FAILING
    lacks_room = content.device.lacks_room and not content.pieces.needs.allocated
    return DiskState.FULL if lacks_room else DiskState.OK


def local_error(torrent: Torrent) -> str:
    """The trouble in words, or nothing."""
    content = torrent.content
    if content is None:
        return torrent.missing.why or torrent.error or why_closed(torrent)
    state = disk_state(torrent)
    if state is DiskState.FAILING:
        return f"{content.pieces.kept.problem}; it is tried again"
    return DISK_WORDS.get(state) or torrent.missing.why or torrent.error or why_closed(torrent)


def why_closed(torrent: Torrent) -> str:
    """Why nobody is let in, if it is to run."""
    return "" if torrent.record.paused else torrent.host.tls.why_not(torrent)
