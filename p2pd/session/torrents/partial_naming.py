"""Files that are not complete have `.part` behind their names, if the settings say so.

A file that becomes complete gets its name by a rename, with nothing recorded before or after:
whichever name a kill leaves is found when the torrent is opened (storage/file_naming.py).
"""

from __future__ import annotations

from typing import Any, Collection, Protocol

from twisted.logger import Logger

from p2pd.base.errors import P2pdError
from p2pd.session.torrents.shared_files import Paths, files_of_others, tops_of
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.state.records import TorrentRecord

log = Logger()


class Named(Protocol):
    """A torrent."""

    host: TorrentHost
    record: TorrentRecord


def needs_names(torrent: Named, content: TorrentContent) -> bool:
    """Whether some file may have to have another name."""
    wanted = torrent.host.settings.rename_partial_files and not content.have.is_full
    return wanted or bool(content.storage.partial)


async def settle_names(
    torrent: Named, content: TorrentContent, completed: Collection[int] | None = None
) -> None:
    """Have all files under the names that they are to have now, or just these that are complete.

    Not while they are moved or renamed: then it is done at the end of that. Raises StorageError.
    """
    host, record = torrent.host, torrent.record
    if not needs_names(torrent, content):
        return
    if record.renaming or host.moves.of(torrent) is not None:
        content.partial = content.storage.partial
        return
    partial: set[int] = set()
    if completed is None:
        lacking = content.lacking_files()
        completed = set(range(len(content.layout.files))) - lacking
        if host.settings.rename_partial_files:
            partial = lacking
        else:
            completed |= lacking
    keep = await _of_others(torrent, content) if partial else frozenset()
    give = content.storage.give_names
    problems = await content.device.run("write", give, completed, partial, keep)
    content.partial = content.storage.partial
    for problem in problems:
        log.warn("{name}: {problem}", name=record.name, problem=problem)


async def _of_others(torrent: Any, content: TorrentContent) -> Paths | None:
    """What other torrents have; None if nobody knows."""
    try:
        tops, folder = tops_of(content.layout), torrent.record.download_dir
        return await files_of_others(torrent.host, tops, folder, torrent)
    except P2pdError:
        return None
