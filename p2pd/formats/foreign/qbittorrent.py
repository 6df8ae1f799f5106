"""qBittorrent's state: a .fastresume and .torrent for each torrent, or a row of torrents.db (4.4+).

Either way it is libtorrent's resume data with what qBittorrent adds: its names begin with `qBt-`,
or are columns of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pd.formats.foreign.entries import in_words
from p2pd.formats.foreign.libtorrent_resume import decoded, read_resume
from p2pd.formats.foreign.model import (
    MOST_RATIO,
    OWN,
    UNLIMITED,
    ForeignStateError,
    ForeignTorrent,
    as_labels,
    own_limit,
)

HIGH = 6
ACTIONS = {
    "Stop": "stop",
    "Remove": "remove",
    "RemoveWithContent": "remove_with_data",
    "EnableSuperSeeding": "super_seed",
}
"""What it does when a limit is reached; its other word is for what it does with all."""


def read_files(fastresume: bytes, torrent: bytes | None, saved_at: float) -> ForeignTorrent:
    """A torrent of the folder BT_backup. Raises ForeignStateError."""
    entries = decoded(fastresume)
    found = read_resume(entries, torrent, saved_at, file_priority)
    tags = [in_words(tag) for tag in entries.items(b"qBt-tags")]
    found.labels = as_labels([entries.text(b"qBt-category"), *tags])
    _place(found, name=entries.text(b"qBt-name"), final=entries.text(b"qBt-savePath"))
    ratio = entries.get(b"qBt-ratioLimit")
    if isinstance(ratio, bytes):  # before 4.1 it was written out
        ratio = _thousandths(in_words(ratio))
    found.share_limits = _share_limits(
        ratio,
        entries.get(b"qBt-inactiveSeedingTimeLimit"),
        entries.get(b"qBt-seedingTimeLimit"),
        entries.text(b"qBt-shareLimitAction"),
    )
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
    _place(found, name=_text(row, "name"), final=_text(row, "target_save_path"))
    found.share_limits = _share_limits(
        row.get("ratio_limit"),
        row.get("inactive_seeding_time_limit"),
        row.get("seeding_time_limit"),
        _text(row, "share_limit_action"),
    )
    return found


def read_queue(data: bytes) -> list[str]:
    """The torrents in the file `queue`, the first one first; what is complete is not in it."""
    return data.decode("ascii", "replace").split()


def file_priority(level: int) -> int | None:
    """Its priorities are 0 (not wanted), 1 (normal), 6 (high) and 7 (the highest)."""
    if level <= 0:
        return None
    return 1 if level >= HIGH else 0


def _share_limits(ratio: Any, idle: Any, time: Any, action: str) -> dict[str, Any]:
    """Its numbers: the ratio in thousandths, times in minutes; -1 is none, -2 as for all."""
    limits: dict[str, Any] = {}
    for kind, value, unit in (("ratio", ratio, 1000), ("idle", idle, 1), ("time", time, 1)):
        if isinstance(value, int):
            # A ratio of -1 is -1000 thousandths.
            limits |= own_limit(kind, value / unit, UNLIMITED if value == -unit else OWN)
    if action in ACTIONS:
        limits["seed_limit_action"] = ACTIONS[action]
    return limits


def _thousandths(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return round(value * 1000) if -2 <= value < MOST_RATIO else None


def _place(found: ForeignTorrent, *, name: str, final: str) -> None:
    if found.magnet is None and name and name != found.name:
        found.left_out.append(f"the name that it was given ({name})")
    if final and final.rstrip("/") != found.folder.rstrip("/") and not found.completed_at:
        found.final_folder = final


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _number(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else -1
