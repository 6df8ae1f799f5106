"""Which tracker and web seed addresses from torrents and magnets are worth keeping.

They come from strangers: bounded in length and number, of a known scheme, free of characters that
could break out of a request line. Whether anything answers there is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MAX_URL = 2048
MAX_TRACKERS = 500
MAX_WEB_SEEDS = 100

# No spaces, control characters or half characters, and something between // and /.
_REST = r"[^\s/\x00-\x20\x7f\ud800-\udfff][^\s\x00-\x20\x7f\ud800-\udfff]*"
_TRACKER = re.compile(rf"(?:https?|udp|wss?)://{_REST}", re.IGNORECASE)
_WEB_SEED = re.compile(rf"https?://{_REST}", re.IGNORECASE)


def tracker_url(value: Any) -> str | None:
    """`value` (str, or bytes as bencode gives them) as a tracker's URL, or None."""
    return _matching(value, _TRACKER)


def web_seed_url(value: Any) -> str | None:
    """`value` as an HTTP web seed's URL (BEP 19), or None."""
    return _matching(value, _WEB_SEED)


def tracker_tiers(tiers: Any) -> tuple[tuple[str, ...], ...]:
    """Tiers of tracker URLs (BEP 12) from a decoded list of lists, in any state of repair.

    A plain string among the tiers becomes a tier of its own. Each URL is kept once.
    """
    known: set[str] = set()
    kept = []
    for tier in tiers if isinstance(tiers, (list, tuple)) else ():
        row = []
        for value in tier if isinstance(tier, (list, tuple)) else (tier,):
            url = tracker_url(value)
            if url is not None and url not in known and len(known) < MAX_TRACKERS:
                known.add(url)
                row.append(url)
        if row:
            kept.append(tuple(row))
    return tuple(kept)


def tiers_of_text(text: str) -> tuple[tuple[str, ...], ...]:
    """Tiers from text: one URL a line, a blank line between tiers; other lines are left out."""
    tiers: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            tiers[-1].append(line)
        else:
            tiers.append([])
    return tracker_tiers(tiers)


def web_seeds(values: Iterable[Any]) -> tuple[str, ...]:
    """The usable web seeds among `values`, each once, at most 100."""
    found = dict.fromkeys(url for url in map(web_seed_url, values) if url is not None)
    return tuple(found)[:MAX_WEB_SEEDS]


def _matching(value: Any, pattern: re.Pattern[str]) -> str | None:
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return None
    if not isinstance(value, str) or len(value) > MAX_URL + 64:
        return None
    url: str = value.strip()
    return url if len(url) <= MAX_URL and pattern.fullmatch(url) else None
