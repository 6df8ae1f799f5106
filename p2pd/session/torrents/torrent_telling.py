"""What a torrent tells of itself (session_events.py): each thing once, also over restarts.

It knows what was told before: a torrent that is halted to be checked, or that comes back after a
restart, was neither stopped nor started, and one that was complete is not done again.
"""

from __future__ import annotations

from typing import Any, Protocol

from p2pd.base.ids import InfoHashes
from p2pd.session.session_events import EventKind, hosts_of
from p2pd.session.torrents.torrent_content import TorrentContent
from p2pd.session.torrents.torrent_host import TorrentHost
from p2pd.session.torrents.torrent_opening import TorrentOpening
from p2pd.session.torrents.torrent_resume import recorded_pieces
from p2pd.state.resume import TorrentRecord


class TellingOwner(Protocol):
    """The torrent."""

    host: TorrentHost
    record: TorrentRecord
    info_hashes: InfoHashes

    @property
    def opening(self) -> TorrentOpening: ...
    @property
    def content(self) -> TorrentContent | None: ...


class TorrentTelling:
    """The events of one torrent; it is what they name."""

    __slots__ = ("_complete", "_due", "_gone", "_owner", "_started")

    def __init__(self, owner: TellingOwner) -> None:
        self._owner = owner
        self._gone = False
        # A record with an id comes from the database.
        self._started = bool(owner.record.id) and not owner.record.paused
        self._complete: bool | None = True if owner.record.is_whole else None
        self._due: bool | None = None
        """That it is done is to be told when it is where it is to be: whether it was downloaded."""
        if self._complete:
            self._not_home_yet()

    # -- what an event names -------------------------------------------------------------------

    @property
    def id(self) -> int:
        """The torrent's."""
        return self._owner.record.id

    @property
    def hash_string(self) -> str:
        """The torrent's."""
        return self._owner.info_hashes.hash_string

    @property
    def name(self) -> str:
        """The torrent's."""
        return self._owner.record.name

    # -- what happens --------------------------------------------------------------------------

    def added(self) -> None:
        """The session has it, for the first time."""
        self.tell(EventKind.ADDED)

    def removed(self) -> None:
        """The session has it no more; what is done to it now is nobody's business."""
        record = self._owner.record
        self.tell(
            EventKind.REMOVED,
            labels=list(record.labels),
            download_dir=record.download_dir,
            tracker_hosts=hosts_of(url for tier in record.trackers or () for url in tier),
        )
        self._gone = True

    def started(self) -> None:
        """It runs."""
        if not self._started:
            self._started = True
            self.tell(EventKind.STARTED)

    def stopped(self) -> None:
        """It is to run no more."""
        if self._started:
            self._started = False
            self.tell(EventKind.STOPPED)

    def failed(self, sentence: str, before: str) -> None:
        """It stopped since something is wrong; `before`: what was wrong already."""
        self._started = False
        if sentence != before:
            self.tell(EventKind.ERROR, error_string=sentence)

    def checked(self) -> None:
        """Its data was hashed."""
        content = self._owner.content
        if content is not None:
            have = content.have
            self.tell(EventKind.CHECKED, pieces=have.size, good=have.count)

    def opened(self, content: TorrentContent) -> None:
        """Its content is there, and what is on disk is still to be seen."""
        if self._complete is None:
            recorded = recorded_pieces(self._owner.record.pieces, content.layout.piece_count)
            self._complete = content.would_be_complete(recorded)
            if self._complete:
                self._not_home_yet()

    def settle(self, *, downloaded: bool = False) -> None:
        """What is had or wanted may have changed."""
        content, opening = self._owner.content, self._owner.opening
        if content is None or opening.busy or opening.check is not None:
            return  # until that is over nobody knows what is here
        before, self._complete = self._complete, content.is_complete()
        if not self._complete:
            self._due = None
        elif not before and content.wants_any:
            self._due = downloaded
            self.arrived()

    def _not_home_yet(self) -> None:
        """It was complete when the daemon ended: nobody was told while it was on its way home."""
        if self._owner.record.final_dir:
            self._due = bool(self._owner.record.completed_at)

    def arrived(self) -> None:
        """It may be where it is to be, under its names: whoever hears of it can use its files."""
        owner, due = self._owner, self._due
        if due is None or owner.record.final_dir or owner.host.moves.keep_busy(owner):
            return
        self._due = None
        self.tell(EventKind.DONE, downloaded=due)

    def moved(self, source: str, target: str) -> None:
        """It is in another folder."""
        if source != target:
            self.tell(EventKind.MOVED, **{"from": source, "to": target})

    def labelled(self, before: tuple[str, ...], labels: tuple[str, ...]) -> None:
        """Its labels are others."""
        if before != labels:
            self.tell(EventKind.LABELS, before=list(before), labels=list(labels))

    def tell(self, kind: EventKind, **detail: Any) -> None:
        """Something happened to it."""
        if not self._gone:
            self._owner.host.events.emit(kind, self, detail)
