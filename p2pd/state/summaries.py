"""What is known of a torrent without its metadata: what a list of torrents shows of it.

It is written when everything is here, and spares reading the metadata of thousands of torrents
that nobody asks for. Refuses to know where it is kept.
"""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import astuple, dataclass
from typing import Any

WITHOUT_TLS = 10
"""Values of the summary of a torrent whose peers are reached in the open, as of all once."""

WITHOUT_CA = 11
"""Of one that has a CA, which can be read."""


@dataclass(frozen=True, slots=True)
class TorrentSummary:
    """Sizes in bytes, `wanted` that of the wanted files; `created_at` in Unix seconds or None."""

    total: int
    wanted: int
    piece_length: int
    pieces: int
    files: int
    private: bool
    comment: str | None = None
    created_by: str | None = None
    created_at: int | None = None
    web_seeds: tuple[str, ...] = ()
    tls: bool = False
    """Whether its peers are reached by TLS alone."""
    unreadable_ca: bool = False
    """Whether the certificate of their CA is none."""

    @property
    def all_pieces(self) -> bytes:
        """The bitfield of all pieces (BEP 3); torrents with as many pieces share one."""
        return full_bitfield(self.pieces)


@functools.lru_cache(maxsize=4096)
def full_bitfield(pieces: int) -> bytes:
    """A bitfield (BEP 3) with every bit set that stands for a piece."""
    return (((1 << pieces) - 1) << (-pieces % 8)).to_bytes((pieces + 7) // 8, "big")


def to_text(summary: TorrentSummary | None) -> str | None:
    """As a column has it."""
    if summary is None:
        return None
    values = astuple(summary)
    if summary.unreadable_ca:
        return json.dumps(values)
    return json.dumps(values[: WITHOUT_CA if summary.tls else WITHOUT_TLS])


def from_text(text: object) -> TorrentSummary | None:
    """The summary in a column; None where there is none that makes sense, which costs only time."""
    try:
        values: Any = json.loads(text) if isinstance(text, str) else None
        unreadable_ca = values.pop() if len(values) > WITHOUT_CA else False
        tls = values.pop() if len(values) > WITHOUT_TLS else False
        *sizes, private, comment, created_by, created_at, web_seeds = values
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    whole = sizes if created_at is None else [created_at, *sizes]
    if len(sizes) != 5 or not all(type(one) is int and 0 <= one < 1 << 63 for one in whole):
        return None
    texts = [one for one in (comment, created_by) if one is not None]
    texts += web_seeds if type(web_seeds) is list else [0]
    if not all(type(one) is bool for one in (private, tls, unreadable_ca)):
        return None
    if not all(isinstance(one, str) for one in texts):
        return None
    made_by = sys.intern(created_by) if created_by else created_by
    total, wanted, piece_length, pieces, files = sizes
    return TorrentSummary(
        total, wanted, piece_length, pieces, files,
        private, comment, made_by, created_at, tuple(web_seeds), tls, unreadable_ca,
    )  # fmt: skip
