"""qBittorrent's state: a .fastresume and .torrent for each torrent, or a row of torrents.db (4.4+).

Either way it is libtorrent's resume data with what qBittorrent adds: its names begin with `qBt-`,
or are columns of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pd.formats.foreign.entries import in_words
from p2pd.formats.foreign.libtorrent_resume import decoded, read_resume
from p2pd.formats.foreign.model import ForeignStateError, ForeignTorrent, as_labels

HIGH = 6


def read_files(fastresume: bytes, torrent: bytes | None, saved_at: float) -> ForeignTorrent:
    """A torrent of the folder BT_backup. Raises ForeignStateError."""
    entries = decoded(fastresume)
    found = read_resume(entries, torrent, saved_at, file_priority)
    tags = [in_words(tag) for tag in entries.items(b"qBt-tags")]
    found.labels = as_labels([entries.text(b"qBt-category"), *tags])
    ratio = entries.get(b"qBt-ratioLimit")
    _note(found, name=entries.text(b"qBt-name"), final=entries.text(b"qBt-savePath"))
    if isinstance(ratio, int) and ratio >= 0:
        found.left_out.append("its own ratio limit")
    if entries.number(b"qBt-seedingTimeLimit", -1) >= 0:
        found.left_out.append("its own limit of the seeding time")
    return found


def read_row(row: Mapping[str, Any], saved_at: float) -> ForeignTorrent:
    """A row of the table `torrents`. Raises ForeignStateError."""
    resume, metadata = row.get("libtorrent_resume_data"), row.get("metadata")
    if not isinstance(resume, bytes):
        raise ForeignStateError("it has no resume data")
    torrent = metadata if isinstance(metadata, bytes) and metadata else None
    found = read_resume(decoded(resume), torrent, saved_at, file_priority)
    found.paused = bool(_number(row, "stopped"))
    found.labels = as_labels([_text(row, "category"), *_text(row, "tags").split(",")])
    _note(found, name=_text(row, "name"), final=_text(row, "target_save_path"))
    if _number(row, "ratio_limit") >= 0:
        found.left_out.append("its own ratio limit")
    if _number(row, "seeding_time_limit") >= 0:
        found.left_out.append("its own limit of the seeding time")
    return found


def file_priority(level: int) -> int | None:
    """Its priorities are 0 (not wanted), 1 (normal), 6 (high) and 7 (the highest)."""
    if level <= 0:
        return None
    return 1 if level >= HIGH else 0


def _note(found: ForeignTorrent, *, name: str, final: str) -> None:
    if found.magnet is None and name and name != found.name:
        found.left_out.append(f"the name that it was given ({name})")
    if final and final.rstrip("/") != found.folder.rstrip("/") and not found.completed_at:
        found.left_out.append(f"that it is to be moved to {final} when it is complete")


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _number(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else -1
