"""The counters in a torrent's record: how long it ran, and whether what it moved is recorded.

Time is counted when somebody looks, or when the torrent begins or ends to be complete: one that
runs and is left alone costs nothing.
"""

from __future__ import annotations

from p2pd.state.resume import TorrentRecord

TOTALS_SECONDS = 60.0
"""How often the totals of a torrent that moves data are recorded."""


class TorrentCounters:
    """Keeps `seconds_downloading` and `seconds_seeding`; times are the monotonic clock's."""

    def __init__(self, record: TorrentRecord) -> None:
        self._record = record
        self._since: float | None = None
        self._complete = False
        self._saved = self._told = (record.uploaded, record.downloaded)
        self._save_at = 0.0

    # -- time ----------------------------------------------------------------------------------

    def begin(self, now: float, *, complete: bool) -> None:
        """It runs from now on."""
        self._since = now
        self._complete = complete

    def settle(self, now: float, *, complete: bool) -> None:
        """Count the whole seconds until now, if it runs; from now on it is complete or not."""
        if self._since is None:
            return
        passed = int(now - self._since)
        if not passed and complete == self._complete:
            return
        if self._complete:
            self._record.seconds_seeding += passed
        else:
            self._record.seconds_downloading += passed
        self._since = self._since + passed if complete == self._complete else now
        self._complete = complete

    def end(self, now: float) -> None:
        """It runs no more."""
        self.settle(now, complete=self._complete)
        self._since = None

    # -- totals --------------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether bytes went to or fro that are not recorded."""
        return (self._record.uploaded, self._record.downloaded) != self._saved

    def save_due(self, now: float) -> bool:
        """Whether to record the totals now; they count as recorded from then on."""
        if now < self._save_at or not self.unsaved:
            return False
        self._saved = (self._record.uploaded, self._record.downloaded)
        self._save_at = now + TOTALS_SECONDS
        return True

    def moved(self) -> tuple[int, int]:
        """Bytes up and down since this was last asked, or since the record was read."""
        before, self._told = self._told, (self._record.uploaded, self._record.downloaded)
        return max(0, self._told[0] - before[0]), max(0, self._told[1] - before[1])
