"""Speed limits: bytes per second with 0 for none at its clients, kB/s with 0 for nothing here."""

from __future__ import annotations

from p2pd.session.settings.speed_settings import KB, TorrentLimits

MOST = 2**31 - 1
"""In kB/s: what stands for no limit where there has to be one."""


def kilobytes(limit: int) -> int:
    """A limit in bytes per second as the session has it: never rounded to nothing."""
    return min(max(1, round(limit / KB)), MOST)


def in_bytes(limit: int | None) -> int:
    """A limit in bytes per second as clients have it; what lets nothing through is a byte."""
    return 0 if limit is None else max(1, limit)


def shown(limit: int | None) -> int:
    """The same for one in kB/s."""
    return 0 if limit is None or limit >= MOST else in_bytes(limit * KB)


def of_torrent(limits: TorrentLimits) -> tuple[int, int]:
    """What a torrent itself may receive and send."""
    return (
        shown(limits.download_limit if limits.download_limited else None),
        shown(limits.upload_limit if limits.upload_limited else None),
    )
