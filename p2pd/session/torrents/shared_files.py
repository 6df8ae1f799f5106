"""Files that several torrents have: what goes with one of them stays for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pd.base.errors import StorageError
from p2pd.session.torrents.torrent_host import TorrentHost

if TYPE_CHECKING:
    from p2pd.session.torrents.torrent import Torrent

Paths = frozenset[tuple[str, ...]]


async def files_of_others(host: TorrentHost, name: str, folder: str, but: Torrent | None) -> Paths:
    """The files of that name below this folder that torrents have, `but` one of them.

    Raises P2pdError: not yet known. What is shared has one name, and so have the torrents.
    """
    used: set[tuple[str, ...]] = set()
    for other in list(host.torrents):
        if other is but or other.record.name != name or other.record.download_dir != folder:
            continue
        if other.content is not None:
            used.update(file.path for file in other.content.layout.files)
        elif other.resting:
            details = await host.resting.details(other)
            used.update(file.path for file in details.layout.files)
        elif other.record.torrent is not None and not other.error:
            raise StorageError(f"{name}: another torrent of that name is being opened")
    return frozenset(used)
