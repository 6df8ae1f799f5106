"""A torrent's data is in another folder already: it is looked for there, and gone on with.

What was had is believed of a file that is the very one that was at the old place, or that looks as
recorded while nothing is at the old place any more, so that it was moved. All else is hashed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Sequence

from p2pd.base.errors import MissingError, P2pdError, StorageError
from p2pd.session.disks.devices import in_time
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_resume import (
    ResumePlan,
    decode_states,
    encode_states,
    plan_resume,
)
from p2pd.storage.interfaces import FileState, Storage
from p2pd.storage.old_place import OldFile, OldPlace

if TYPE_CHECKING:
    from p2pd.session.torrents.torrent import Torrent

ANSWER_SECONDS = 5.0
"""What a disk has to say whether a folder is there, or what is in it."""

LOOK_SECONDS = 60.0
"""What it has to look at all files."""

UNLIKE = FileState(-1, -1)
"""No file looks like this: it is hashed."""


async def find_at(torrent: Torrent, content: TorrentContent, folder: str) -> None:
    """Go on with what is there; answers when it is known what that may be. Raises P2pdError."""
    host = torrent.host
    storage = host.new_storage(content.layout, folder)
    device = await in_time(host.devices.of(storage), ANSWER_SECONDS, host.clock)
    there = OldPlace(folder, content.layout).identity
    if await in_time(device.run("read", there), ANSWER_SECONDS, host.clock) is None:
        raise StorageError(f"{folder}: there is no such folder")
    await _stopped(torrent)
    torrent.opening.busy = True
    try:
        before = await _old_files(torrent, content)
        recorded = _recorded_states(torrent, content)
        look = device.run("read", _look, content, storage, before, recorded)
        plan = await in_time(look, LOOK_SECONDS, host.clock)
    except P2pdError:
        torrent.opening.busy = False
        host.background(torrent.start_unless_paused(), torrent.record.name)
        raise
    old, old_device = content.storage, content.device
    torrent.missing.came_back()
    torrent.telling.moved(torrent.record.download_dir, folder)
    torrent.record.download_dir = folder
    content.relocate(storage, device)
    host.background(old_device.run("write", old.close), torrent.record.name)
    torrent.look_anew()
    torrent.record.pieces = plan.have.to_bitfield()
    torrent.record.clean = False
    try:
        await host.store.mark_running([torrent.record.id])
        await host.store.save(torrent.record)
    finally:
        host.background(_follow(torrent, content, plan), torrent.record.name)


async def _follow(torrent: Torrent, content: TorrentContent, plan: ResumePlan) -> None:
    """Check what has to be, then go on."""
    try:
        checked = await torrent.opening.follow(content, plan)
    except MissingError as problem:
        torrent.missing.gone(problem)
        return
    finally:
        torrent.opening.busy = False
    await torrent.go_on(checked=checked)


def _recorded_states(torrent: Torrent, content: TorrentContent) -> str | None:
    """What files look like that may be believed; empty for none, None: nor may what was had."""
    if torrent.doubtful:
        return None
    as_closed = torrent.record.clean or content.as_recorded
    return torrent.record.file_states or "" if as_closed else ""


async def _stopped(torrent: Torrent) -> None:
    """Have it run no more, for now, and nobody check it. Raises StorageError."""
    torrent.being_found = True
    try:
        torrent.opening.stop()
        await torrent.halt()
        await torrent.settled()
    finally:
        torrent.being_found = False
    if torrent.is_being_opened:
        raise StorageError("the disk does not answer: it is still being opened or checked")


async def _old_files(torrent: Torrent, content: TorrentContent) -> list[OldFile]:
    """What is at the old place; nothing if that does not answer."""
    layout, clock = content.storage.layout, torrent.host.clock
    old = OldPlace(torrent.record.download_dir, layout)
    with suppress(StorageError):
        return await in_time(content.device.run("read", old.files, ()), ANSWER_SECONDS, clock)
    return []


def _look(
    content: TorrentContent,
    storage: Storage,
    before: Sequence[OldFile],
    recorded: str | None,
) -> ResumePlan:
    """In a thread: what may be believed of the data there, and what is to be hashed."""
    if recorded is None:
        return plan_resume(
            content.layout, storage, recorded=None, clean=False, recorded_states=None
        )
    storage.locate(content.lacking_files(), None)
    there = OldPlace(storage.root, storage.layout)
    known = decode_states(recorded) or []
    old = {file.index: file for file in before}
    states: list[FileState | None] = [UNLIKE] * len(content.layout.files)
    for file in there.files(()):
        state = FileState(file.size, file.mtime_ns)
        was = old.get(file.index)
        if was is not None:
            same = was.identity == file.identity
        else:
            same = file.index < len(known) and known[file.index] == state
        if same:
            states[file.index] = state
    return plan_resume(
        content.layout,
        storage,
        recorded=content.have.to_bitfield(),
        clean=True,
        recorded_states=encode_states(states),
    )
