"""A torrent as another program left it: what all readers of foreign state make.

Whether the files on the disk still are what the state says is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, TypeVar

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import FormatError
from p2pd.base.piece_set import PieceSet
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import Metainfo, parse_torrent, to_torrent
from p2pd.formats.safe_paths import safe_component

T = TypeVar("T")

MAX_LABELS = 100
MAX_LABEL = 255
MAX_PEERS = 200
SLACK_SECONDS = 2
"""A file system may keep times no finer than that (FAT)."""

NEVER = -1
"""A time of change that no file has: nobody vouches for this one."""

KB = 1000
MOST_SPEED = 2**31 - 1
"""In kB/s."""


MOST_RATIO = 1_000_000.0
MOST_MINUTES = 2**31 - 1

AS_OTHERS, OWN, UNLIMITED = 0, 1, 2
"""Modes of limits of what torrents give, by the control API's numbers."""


class ForeignStateError(FormatError):
    """A torrent of another program that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class ForeignGroup:
    """Torrents that share speed limits, in kB/s; None is no limit."""

    name: str
    download_limit: int | None = None
    upload_limit: int | None = None
    honors_session_limits: bool = True


@dataclass(slots=True)
class ForeignTorrent:
    """One torrent. Times are Unix seconds, 0 for never; files are those that users see."""

    name: str
    folder: str
    """In which its file or its folder lies."""
    metainfo: Metainfo | None = None
    magnet: str | None = None
    """Of one that has no metadata yet."""
    labels: tuple[str, ...] = ()
    paused: bool = False
    pieces: PieceSet | None = None
    """What was verified; None where the program does not know."""
    file_times: tuple[int | None, ...] = ()
    """For each file the latest time of change with which its pieces may be believed."""
    exact_times: bool = False
    """Whether the time of change has to be just that one."""
    changed_before: int | None = None
    """The same for files of which no time is kept: when the state was saved."""
    priorities: tuple[int | None, ...] = ()
    """For each file -1, 0 or 1, or None if it is not wanted; empty for the usual ones."""
    uploaded: int = 0
    downloaded: int = 0
    corrupt: int = 0
    added_at: int = 0
    completed_at: int = 0
    active_at: int = 0
    seconds_downloading: int = 0
    seconds_seeding: int = 0
    download_limit: int | None = None
    """kB/s (1000 bytes), as `upload_limit`."""
    upload_limit: int | None = None
    honors_session_limits: bool = True
    bandwidth_priority: int = 0
    """-1 low, 1 high."""
    group: str = ""
    """The name of its bandwidth group, or nothing."""
    share_limits: dict[str, Any] = field(default_factory=dict)
    """Of what it is to give, what it says itself: by the control API's names (``seed_``...)."""
    peer_limit: int | None = None
    sequential: bool = False
    sequential_from: int = 0
    super_seeding: bool = False
    peers: tuple[PeerAddress, ...] = ()
    file_names: tuple[str, ...] = ()
    """For each file its path below the folder; empty if all are as in the torrent."""
    partial_suffix: str = ""
    """What files that are not complete have at the end of their names."""
    other_folder: str = ""
    """Where else its files may lie as long as it is not complete."""
    final_folder: str = ""
    """Where its files are to be moved when it is complete, if not to `folder`."""
    obstacle: str = ""
    """Why its files are not where p2pd would look for them."""
    left_out: list[str] = field(default_factory=list)
    """What is not kept, in words."""

    @property
    def torrent(self) -> bytes | None:
        """A .torrent file with the trackers that the program used last."""
        return None if self.metainfo is None else to_torrent(self.metainfo)


def read_metainfo(data: bytes) -> Metainfo:
    """A .torrent file as the program keeps it. Raises ForeignStateError."""
    try:
        return parse_torrent(data)
    except FormatError as problem:
        raise ForeignStateError(f"its torrent file cannot be read: {problem}") from None


def with_addresses(
    metainfo: Metainfo,
    trackers: tuple[tuple[str, ...], ...] | None,
    web_seeds: tuple[str, ...] | None,
) -> Metainfo:
    """The same with the trackers and web seeds in use; None for those that it has."""
    return replace(
        metainfo,
        trackers=metainfo.trackers if trackers is None else trackers,
        web_seeds=metainfo.web_seeds if web_seeds is None else web_seeds,
    )


def saved_by(saved_at: float) -> int:
    """Up to when files may have changed that were as the state says when it was saved."""
    return max(0, ceil(min(saved_at, 2.0**40)) + SLACK_SECONDS)


def as_labels(names: Sequence[str]) -> tuple[str, ...]:
    """Labels as p2pd takes them: without commas and spaces at the ends, each once."""
    cleaned = (name.replace(",", " ").replace("\0", "").strip()[:MAX_LABEL] for name in names)
    return tuple(dict.fromkeys(filter(None, cleaned)))[:MAX_LABELS]


def shown_name(name: str, fallback: str) -> str:
    """A name for people."""
    return safe_component(name or fallback)


def limit_of(bytes_per_second: float) -> int | None:
    """A limit in kB/s; None for none."""
    if not 0 < bytes_per_second < 2**40:
        return None
    return min(max(1, round(bytes_per_second / KB)), MOST_SPEED)


def own_limit(kind: str, limit: float | None, mode: int = OWN) -> dict[str, Any]:
    """A limit of what a torrent gives: `kind` is ratio, idle or time, times are minutes.

    Nothing if it leaves it to others, or says what makes no sense.
    """
    if mode == UNLIMITED:
        return {f"seed_{kind}_mode": UNLIMITED}
    if mode != OWN or limit is None or not 0 <= limit <= MOST_MINUTES:
        return {}
    number = min(limit, MOST_RATIO) if kind == "ratio" else int(limit)
    return {f"seed_{kind}_mode": OWN, f"seed_{kind}_limit": number}


def group_name(name: str) -> str:
    """The name of a group as p2pd takes it."""
    return name.replace("\0", "").strip()[:MAX_LABEL]


def seen_by_users(values: Sequence[T], layout: FileLayout, default: T) -> list[T] | None:
    """One value for each file that users see, of a list of all files or of these.

    One that is too short goes on with the default; None if it is of other files.
    """
    shown = [not file.pad for file in layout.files]
    if len(values) in (len(shown), sum(shown)):
        found = iter(values)
        if len(values) == sum(shown):
            return list(found)
        return [value for value, seen in zip(found, shown, strict=True) if seen]
    if len(values) < sum(shown) and all(shown):
        return [*values, *[default] * (len(shown) - len(values))]
    return None
