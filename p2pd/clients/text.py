"""Numbers and names as people read them; names from strangers lose what a terminal would obey."""

from __future__ import annotations

import time
import unicodedata
from typing import Any

SIZE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
LONGEST = 100 * 24 * 3600

STATUS_WORDS = (
    "stopped",
    "waiting to check",
    "checking",
    "queued",
    "downloading",
    "queued to seed",
    "seeding",
)


def plain(text: object, most: int = 1000) -> str:
    """Text without control characters, direction marks, line breaks and half surrogates."""
    return "".join(
        character
        for character in str(text)[:most]
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    )


def size(count: float) -> str:
    """Bytes: ``1.5 GiB``."""
    for unit in SIZE_UNITS:
        if abs(count) < 1024 or unit == SIZE_UNITS[-1]:
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def rate(per_second: float) -> str:
    """Bytes per second; nothing when nothing moves."""
    return f"{size(per_second)}/s" if per_second >= 1 else ""


def duration(seconds: float) -> str:
    """``2d 3h``, ``4m 05s``; nothing when it is not known, or too long to mean anything."""
    if not 0 <= seconds < LONGEST:
        return ""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour}h"
    if hours:
        return f"{hours}h {minute:02}m"
    return f"{minutes}m {second:02}s" if minutes else f"{second}s"


def percent(share: float) -> str:
    """``99.9%``: never rounded up to a hundred before it is one."""
    tenths = min(1000, int(max(0.0, share) * 1000))
    return "100%" if tenths == 1000 else f"{tenths / 10:.1f}%"


def ratio(value: float) -> str:
    """A share ratio; nothing when nothing was downloaded."""
    return f"{value:.2f}" if value >= 0 else ""


def counted(number: int, thing: str) -> str:
    """``1 peer``, ``2 peers``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def moment(unix_seconds: float) -> str:
    """A local date and time; ``never`` for 0."""
    if unix_seconds <= 0:
        return "never"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_seconds))
    except (OverflowError, ValueError, OSError):
        return "unknown"


DISK_WORDS = {
    "failing": "disk failing",
    "full": "disk full",
    "read_only": "read-only",
    "silent": "disk silent",
}
"""What a torrent waits for, by the API's names."""


def status(torrent: dict[str, object]) -> str:
    """What a torrent is doing, in a word."""
    number = torrent.get("status")
    known = isinstance(number, int) and 0 <= number < len(STATUS_WORDS)
    word = STATUS_WORDS[number] if known and isinstance(number, int) else "unknown"
    if not has_metadata(torrent) and word == "downloading":
        word = "getting metadata"
    move = torrent.get("move")
    if isinstance(move, dict):
        word += f", moving {percent(move['progress'])}"
    disk = str(torrent.get("disk_state"))
    if disk == "missing":
        return disk
    if disk in DISK_WORDS:
        return f"{word}, {DISK_WORDS[disk]}"
    return f"{word}, error" if torrent.get("error") else word


def has_metadata(torrent: dict[str, object]) -> bool:
    """Whether its size and its files are known."""
    return torrent.get("metadata_percent_complete", 1) == 1


def amount_done(torrent: dict[str, Any]) -> str:
    """``50.0% of 1.5 GiB``, of what is wanted; nothing when the size is not known."""
    if not has_metadata(torrent):
        return ""
    return f"{percent(torrent['percent_done'])} of {size(torrent['size_when_done'])}"


SOURCE_WORDS = {
    "cache": "known from before",
    "catcher": "met elsewhere",
    "dht": "DHT",
    "incoming": "came to us",
    "lpd": "local network",
    "magnet": "magnet link",
    "manual": "given by hand",
    "pex": "other peers",
    "tracker": "trackers",
}
"""Where peers come from."""


def source_word(name: str) -> str:
    """What a source of peers is called."""
    return SOURCE_WORDS.get(name) or plain(name, 40)
