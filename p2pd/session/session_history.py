"""What happens in the session, noted for its history every ten seconds.

Only torrents that something happened to are looked at, and only those that moved data, or have
other peers or another state than before, are noted. What is noted goes to the disk once a minute.
"""

from __future__ import annotations

from typing import Protocol, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from p2pd.base.clock import DelayedCall
from p2pd.base.errors import P2pdError, StateError
from p2pd.base.measures import Measure, bounded, counter, gauge
from p2pd.session.history_api import History
from p2pd.session.session import Session
from p2pd.session.torrents.torrent import Torrent
from p2pd.session.torrents.torrent_report import TorrentReport
from p2pd.state.history_file import FINEST, KEPT, SESSION, Question, Sample, Span

WRITE_SECONDS = 60
TIDY_SECONDS = 3600

MOST_WAITING = 100_000
"""Samples that wait for a disk that does not take them; the oldest are dropped then."""

TOO_LATE = 2.0
"""Seconds that a change may be noted late, see ActiveTorrents."""


class HistoryMemory(Protocol):
    """Where it is kept; see state.history.HistoryStore."""

    def write(self, samples: Sequence[Sample]) -> Deferred[int]: ...
    def read(self, question: Question) -> Deferred[dict[bytes, list[Span]]]: ...
    def tidy(self, now: int, present: set[bytes], most_bytes: int) -> Deferred[int]: ...


class SessionHistory:
    """Takes the samples of a session, and answers what they tell."""

    log = Logger()

    def __init__(self, session: Session, memory: HistoryMemory, most_bytes: int) -> None:
        self._session = session
        self._memory = memory
        self._most_bytes = most_bytes
        self._waiting: list[Sample] = []
        self._seen: dict[int, tuple[int, int]] = {}
        self._session_seen = (0, 0)
        self._totals = (0, 0)
        self._sampled_at = self._session.wall()
        self._write_at = self._tidy_at = 0.0
        self._call: DelayedCall | None = None
        self._in_trouble = False
        self._bytes_used = self._written = self._dropped = 0

    def start(self) -> None:
        """Sample from now on."""
        now = self._session.wall()
        self._sampled_at = now
        self._write_at = now + WRITE_SECONDS
        self._tidy_at = now + WRITE_SECONDS
        self._totals = self._session_totals()
        self._sleep()

    async def stop(self) -> None:
        """A last sample, and all of them to the disk."""
        if self._call is not None and self._call.active():
            self._call.cancel()
            self._sample()
        await self._flush()

    async def read(
        self, subjects: Sequence[bytes], since: int, until: int, most_rows: int
    ) -> History:
        """What happened to these between two Unix times. Raises P2pdError."""
        if not since < until:
            raise P2pdError("the time asked for ends before it begins")
        await self._flush()
        now = int(self._session.wall())
        resolution, step = resolution_for(now, since, until, max(1, most_rows // len(subjects)))
        first, last = since // step * step, -(-until // step) * step
        rows = await self._memory.read(Question(subjects, first, last, resolution, step))
        return History(first, last, step, now, rows)

    def measures(self) -> list[Measure]:
        """How much there is of it."""
        return [
            *bounded(
                "history_bytes",
                "Bytes of the statistics history in use, as it was last written.",
                self._bytes_used,
                self._most_bytes,
            ),
            gauge("history_waiting", "Samples that are not written yet.", len(self._waiting)),
            counter("history_samples_total", "Samples that were written.", self._written),
            counter(
                "history_dropped_total",
                "Samples that were dropped, for they could not be written.",
                self._dropped,
            ),
        ]

    # -- sampling ------------------------------------------------------------------------------

    def _sleep(self) -> None:
        """Until the clock on the wall is at the next whole ten seconds."""
        wait = FINEST - self._session.wall() % FINEST
        self._call = self._session.clock.callLater(wait, self._wake)

    def _wake(self) -> None:
        self._sleep()
        self._sample()
        now = self._session.wall()
        # A clock that was set back is no reason to wait.
        if now >= self._write_at or self._write_at > now + WRITE_SECONDS:
            self._write_at = now + WRITE_SECONDS
            self._session.background(self._write_and_tidy(now), "statistics history")

    def _sample(self) -> None:
        now = self._session.wall()
        at = int(now - FINEST / 2) // FINEST * FINEST
        since, self._sampled_at = min(self._sampled_at, now) - TOO_LATE, now
        for torrent in self._session.activity.changed_since(since):
            self._look_at(torrent, at)
        self._look_at_session(at)

    def _look_at(self, torrent: Torrent, at: int) -> None:
        up, down = torrent.counters.moved()
        peers, state = len(torrent.connected), int(TorrentReport(torrent).status)
        seen = self._seen.get(torrent.record.id)
        self._seen[torrent.record.id] = (peers, state)
        # Of one that is seen for the first time nothing is news but what it moves.
        if up or down or (seen or (0, state)) != (peers, state):
            name = torrent.info_hashes.wire_ids[0]
            self._waiting.append(Sample(name, at, down, up, peers, state))

    def _look_at_session(self, at: int) -> None:
        before, self._totals = self._totals, self._session_totals()
        down, up = (now - then for now, then in zip(self._totals, before, strict=True))
        seen = self._session.connections.established, self._session.activity.running
        if up or down or seen != self._session_seen:
            self._waiting.append(Sample(SESSION, at, down, up, *seen))
        self._session_seen = seen

    def _session_totals(self) -> tuple[int, int]:
        return self._session.rate_download.total, self._session.rate_upload.total

    # -- the disk ------------------------------------------------------------------------------

    async def _write_and_tidy(self, now: float) -> None:
        await self._flush()
        if now >= self._tidy_at or self._tidy_at > now + TIDY_SECONDS:
            self._tidy_at = now + TIDY_SECONDS
            torrents = self._session.torrents
            present = {torrent.info_hashes.wire_ids[0] for torrent in torrents}
            self._seen = {id_: seen for id_, seen in self._seen.items() if torrents.by_id(id_)}
            try:
                self._bytes_used = await self._memory.tidy(int(now), present, self._most_bytes)
            except StateError as problem:
                self._trouble(problem)

    async def _flush(self) -> None:
        """All that was noted to the disk; what it does not take waits for the next time."""
        samples, self._waiting = self._waiting, []
        if not samples:
            return
        try:
            self._bytes_used = await self._memory.write(samples)
        except StateError as problem:
            waiting = samples + self._waiting
            self._waiting = waiting[-MOST_WAITING:]
            self._dropped += len(waiting) - len(self._waiting)
            self._trouble(problem)
            return
        self._written += len(samples)
        self._in_trouble = False

    def _trouble(self, problem: StateError) -> None:
        if not self._in_trouble:
            self.log.warn("{problem}; it is tried again every minute", problem=problem)
        self._in_trouble = True


def resolution_for(now: int, since: int, until: int, rows: int) -> tuple[int, int]:
    """Seconds of the rows to read, and of the steps they are put together to."""
    needed = max(1, -(-(until - since) // rows))
    reaching = [seconds for seconds, kept in KEPT.items() if kept is None or since >= now - kept]
    resolution = max((each for each in reaching if each <= needed), default=reaching[0])
    return resolution, -(-needed // resolution) * resolution
