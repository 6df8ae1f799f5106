"""How a torrent's progress comes to be recorded: on the disk first, then in the database."""

from __future__ import annotations

from typing import Protocol

from p2pd.base.errors import StateError, StorageError
from p2pd.session.disks.missing_data import MissingData
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.state.resume import TorrentRecord


class RecordingOwner(Protocol):
    """The torrent."""

    host: TorrentHost
    record: TorrentRecord
    missing: MissingData
    dirty: bool
    doubtful: bool

    @property
    def content(self) -> TorrentContent | None: ...
    def count_time(self) -> None: ...


class TorrentRecording:
    """Writes the record of one torrent."""

    __slots__ = ("_owner", "sync_failed")

    def __init__(self, owner: RecordingOwner) -> None:
        self.sync_failed = False
        """Then nothing more is recorded before the data was hashed anew."""
        self._owner = owner

    async def checkpoint(self) -> None:
        """Record what is verified, after the disk has it: sync first, then the database."""
        owner = self._owner
        owner.count_time()
        content = owner.content
        if content is not None and owner.dirty and not content.device.silent:
            owner.dirty = False
            bitfield = content.have.to_bitfield()
            try:
                await owner.host.in_time(content.device.run("write", content.storage.sync))
            except StorageError as problem:
                # The kernel may have dropped what it could not write, and the next sync would
                # succeed all the same: only hashing tells what is really there.
                owner.doubtful = self.sync_failed = True
                await owner.missing.doubt(problem)
                return
            if not self.sync_failed and content is owner.content and not owner.missing.why:
                owner.record.pieces = bitfield
        try:
            await owner.host.store.save_progress(owner.record)
        except StateError:
            owner.dirty = True  # the next time, then
            raise

    def closed(self, states: str) -> None:
        """The files were brought to disk and have these states: the record is to say so."""
        record, content = self._owner.record, self._owner.content
        assert content is not None
        record.file_states = states
        record.pieces = content.have.to_bitfield()
        record.clean = not self._owner.doubtful
        record.summary = content.summary()
