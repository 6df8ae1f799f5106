"""Revocation lists of CAs that nothing here needs any more: how long they are kept.

A torrent of such a CA may come back, from a bin or a backup, and with it those whom the list keeps
out. So a list stays for more than a year after it was needed last, and for a month if its CA's
certificate has ended by then, after which nobody has a certificate of it. There is a bound besides,
or whoever adds torrents of ever new CAs would fill the disk: those go that were not needed for the
longest time, and peers tell of them again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

DAY = 86_400.0
KEPT_SECONDS = 400 * DAY
ENDED_SECONDS = 30 * DAY
"""The same for a CA whose certificate has ended."""
MOST_UNNEEDED = 200


class UnneededLists:
    """Since when (Unix seconds) each is not needed, by the id of its CA."""

    def __init__(self) -> None:
        self.since: dict[bytes, int] = {}

    def note(self, known: Collection[bytes], needed: Collection[bytes], now: float) -> bool:
        """Of those that are known these are needed now; whether that is news."""
        since = {each: self.since.get(each, int(now)) for each in known if each not in needed}
        before, self.since = self.since, since
        return since != before

    def due(self, ends: Mapping[bytes, float], now: float) -> list[bytes]:
        """Which are to go; `ends` has when the CAs' certificates end."""
        longest_first = sorted(self.since, key=lambda each: (self.since[each], each))
        over = longest_first[: max(0, len(longest_first) - MOST_UNNEEDED)]
        late = [each for each in longest_first if self._is_late(each, ends.get(each, 0.0), now)]
        return list(dict.fromkeys((*late, *over)))

    def _is_late(self, ca_id: bytes, ends_at: float, now: float) -> bool:
        kept = KEPT_SECONDS if now < ends_at else ENDED_SECONDS
        return now >= self.since[ca_id] + kept
