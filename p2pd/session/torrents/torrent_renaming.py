"""Other names for a torrent's files and folders, while it downloads or seeds.

The record says what is renamed to what, then the disk does it in one step, then the record has the
new names. What a kill cuts off in between is brought to its end when the torrent is opened next.
The bytes stay where they are: nothing is checked, and open files stay open.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from p2pd.base.errors import FormatError, P2pdError, StateError, StorageError
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import PART, layout_of, names_between, renamed, top_name
from p2pd.formats.metainfo import Metainfo
from p2pd.formats.safe_paths import Path
from p2pd.session.torrents.shared_files import files_of_others, tops_of
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.state.records import TorrentRecord
from p2pd.storage.renaming import end_rename

if TYPE_CHECKING:
    from p2pd.session.torrents.torrent import Torrent


class Renamed(Protocol):
    """A torrent that is opened."""

    host: TorrentHost
    record: TorrentRecord


async def rename(torrent: Torrent, path: str, name: str) -> None:
    """Give a file or folder, by its path as clients see it, another name. Raises P2pdError.

    One call at a time for each torrent.
    """
    content = await _content(torrent)
    host, record = torrent.host, torrent.record
    layout = await host.disks.aside.run("read", renamed, content.layout, path, name)
    old = tuple(path.split("/"))
    new = (*old[:-1], name)
    if old == new:
        return
    await _refuse_shared(torrent, old, new)
    if torrent.content is not content or host.moves.of(torrent) is not None:
        raise P2pdError(f"{record.name}: it is being opened or moved; try again")
    entry = content.storage.entry(old, new, layout)
    record.renaming = (path, "/".join(new), *map("/".join, entry))
    try:
        await host.store.save(record)
        await content.device.run("write", content.storage.rename, old, new, layout, entry)
    except P2pdError as problem:
        record.renaming = ()
        if not isinstance(problem, StateError):
            await host.store.save(record)
        raise
    content.renamed(layout)
    record.edited_at = host.wall()
    await _record(torrent, content.metainfo, layout)
    host.activity.changed(torrent)


async def layout_on_disk(torrent: Renamed, metainfo: Metainfo) -> FileLayout:
    """The layout with the names that its files have, after a rename that was cut off, too.

    Raises P2pdError.
    """
    host, record = torrent.host, torrent.record
    if record.renaming:
        await host.moves.renamed(torrent)
    layout = await host.disks.aside.run("read", layout_of, metainfo, record.file_names)
    return await _ended(torrent, metainfo, layout) if record.renaming else layout


async def _ended(torrent: Renamed, metainfo: Metainfo, layout: FileLayout) -> FileLayout:
    """What a rename that was cut off comes to; while its volume is missing it stays open."""
    host, record = torrent.host, torrent.record
    old, new, *on_disk = (tuple(path.split("/")) for path in record.renaming)
    entry = on_disk or [old, new]
    done: bool | None = False
    target = layout
    with suppress(FormatError):  # no client could have asked for that
        target = renamed(layout, "/".join(old), new[-1])
        _check_entry(old, new, entry)
        storage = host.new_storage(layout, record.download_dir)
        device = await host.devices.of(storage)
        had = any(record.pieces or b"")
        done = await device.run("write", lambda: end_rename(storage.root, *entry, had=had))
    if done is None:
        return layout
    await _record(torrent, metainfo, target if done else layout)
    return target if done else layout


def _check_entry(old: Path, new: Path, entry: list[Path]) -> None:
    """What is renamed on the disk may have `.part` behind it, and is nothing else."""
    for path, given in zip((old, new), entry, strict=True):
        if given not in (path, (*path[:-1], path[-1] + PART)):
            raise FormatError("a rename of something else")


async def _record(torrent: Renamed, metainfo: Metainfo, layout: FileLayout) -> None:
    """The names count from now on. Raises StateError; then the next start finds out."""
    record, aside = torrent.record, torrent.host.disks.aside
    record.file_names = await aside.run(
        "read", lambda: names_between(FileLayout.of(metainfo), layout)
    )
    record.name = top_name(layout, metainfo.name)
    record.renaming = ()
    await torrent.host.store.save(record)


async def _content(torrent: Torrent) -> TorrentContent:
    """The torrent's, if its files can be renamed now. Raises P2pdError."""
    host, name = torrent.host, torrent.record.name
    await host.resting.wake(torrent)
    await torrent.opening.built()
    content = torrent.content
    if content is None:
        raise P2pdError(torrent.error or f"{name}: its files are not known yet")
    if torrent.missing.why:
        raise P2pdError(f"{name}: {torrent.missing.why}")
    if host.moves.of(torrent) is not None:
        raise P2pdError(f"{name}: it is being moved; rename it when it is there")
    if torrent.record.renaming:
        raise P2pdError(f"{name}: an earlier rename is not over")
    if all(other is not torrent for other in host.torrents):
        raise P2pdError(f"{name}: it was removed")
    return content


async def _refuse_shared(torrent: Torrent, old: Path, new: Path) -> None:
    """Raises StorageError if another torrent has some of these files, or the new name."""
    tops = tops_of(torrent.content.layout) | {new[0]} if torrent.content else ()
    folder = torrent.record.download_dir
    for path in await files_of_others(torrent.host, tops, folder, torrent):
        for part in (old, new):
            if path[: len(part)] == part:
                raise StorageError(f"{'/'.join(path)} belongs to another torrent, too")
