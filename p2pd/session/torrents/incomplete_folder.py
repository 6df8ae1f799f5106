"""Downloads live in a folder of their own until all that is wanted of them is here.

Whether one does is decided when it is added, and recorded: `final_dir` says where it goes then, by
a move (session/moving), and is empty for all others.
"""

from __future__ import annotations

import os
from contextlib import suppress

from p2pd.base.errors import StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.session.disks.devices import in_time
from p2pd.session.settings.session_settings import SessionSettings
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.state.records import TorrentRecord
from p2pd.storage.interfaces import Storage

LOOK_SECONDS = 5.0
"""What a disk has to say whether there is data already."""


def begin_apart(record: TorrentRecord, settings: SessionSettings, below: str = "") -> None:
    """A torrent is added: it begins in the folder for incomplete ones, if the settings say so.

    Or in one of that, which is called `below`.
    """
    folder = settings.incomplete_dir
    if settings.incomplete_dir_enabled and folder and folder != record.download_dir:
        record.final_dir, record.download_dir = record.download_dir, os.path.join(folder, below)
        record.download_dir = os.path.normpath(record.download_dir)


async def stay_with_data(host: TorrentHost, record: TorrentRecord, layout: FileLayout) -> None:
    """Of one that was just added there may be data where it would go: then it stays there."""
    if not record.final_dir or record.pieces is not None:
        return
    with suppress(StorageError):  # what cannot be seen is not there
        storage = host.new_storage(layout, record.final_dir)
        device = await in_time(host.devices.of(storage), LOOK_SECONDS, host.clock)
        looking = device.run("read", _has_data, storage)
        if await in_time(looking, LOOK_SECONDS, host.clock):
            record.download_dir, record.final_dir = record.final_dir, ""
            await host.store.save(record)


def _has_data(storage: Storage) -> bool:
    return any(state is not None and state.size for state in storage.file_states())
