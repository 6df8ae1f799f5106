"""Files that several torrents have: what goes with one of them stays for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Collection

from p2pd.base.errors import StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import PART
from p2pd.session.torrents.torrent_host import TorrentHost

if TYPE_CHECKING:
    from p2pd.session.torrents.torrent import Torrent

Paths = frozenset[tuple[str, ...]]


async def files_of_others(
    host: TorrentHost, tops: Collection[str], folder: str, but: Torrent | None
) -> Paths:
    """The files below these names in this folder that torrents have, `but` one of them.

    Raises P2pdError: not yet known. A torrent is called by the one name that all its files are
    below; where names were changed they may be below others, too.
    """
    used: set[tuple[str, ...]] = set()
    tops = {*tops, *(top.removesuffix(PART) for top in tops)}
    for other in list(host.torrents):
        if other is but or other.record.download_dir != folder:
            continue
        if other.record.name not in tops and not other.record.file_names:
            continue
        if other.content is not None:
            used.update(file.path for file in other.content.layout.files)
            used.update(file.path for file in other.content.storage.layout.files)
        elif other.resting:
            details = await host.resting.details(other)
            used.update(file.path for file in details.layout.files)
        elif other.record.torrent is not None and not other.error:
            raise StorageError(f"{other.record.name}: another torrent of that name is being opened")
    return frozenset(used)


def tops_of(layout: FileLayout) -> set[str]:
    """What lies directly in the download folder."""
    return {file.path[0] for file in layout.files}
