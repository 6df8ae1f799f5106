"""The last step of a move: the old files go, but for those that another torrent uses, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, TypeVar

from p2pd.session.disks.devices import Device
from p2pd.session.moving.move_copying import needed_files
from p2pd.session.torrents.shared_files import files_of_others, tops_of
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.storage.interfaces import Storage
from p2pd.storage.old_place import OldPlace

if TYPE_CHECKING:
    from p2pd.session.torrents.torrent import Torrent

T = TypeVar("T")


class MoveClearing:
    """Of one torrent's files in the folder `source`, where they are no more."""

    def __init__(
        self, host: TorrentHost, torrent: Torrent, source: str, check: Callable[[], None]
    ) -> None:
        """`check` is called after every step, and raises when it is to end."""
        self._host = host
        self._torrent = torrent
        self._source = source
        self._check = check

    async def clear(self, content: TorrentContent, was: Storage | None) -> None:
        """Remove those that are at the new place, and close `was`. Raises P2pdError."""
        before = was or self._host.new_storage(content.layout, self._source)
        device = await self._host.devices.of(before)
        if was is None:  # a kill came between, and what they were called is not known any more
            await self._step(device, before.locate, content.lacking_files(), None)
        layout, here = before.layout, content.storage
        old, new = OldPlace(self._source, layout), OldPlace(here.root, here.layout)
        # What is had has to be there: a volume that is gone is no reason to remove the rest.
        needed = needed_files(layout, content.have)
        moved = await self._step(content.device, new.files, needed)
        used = await files_of_others(self._host, tops_of(layout), self._source, self._torrent)
        self._check()
        for file in moved:
            if layout.files[file.index].path not in used:
                await self._step(device, old.remove, file)
        await self._step(device, old.remove_folders)
        if was is not None:
            # What is still open of them keeps its room.
            await self._step(device, was.close)

    async def _step(self, device: Device, job: Callable[..., T], *args: Any) -> T:
        result = await device.run("move", job, *args)
        self._check()
        return result
