"""What all those are told who follow the same: kept up to date for them together.

A torrent is looked at when it changed, not else, and as long as anything moves in it, for rates
sink when nothing happens. While nobody is there it is only noted what changed, so that whoever
comes back is told what he missed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from twisted.logger import Logger

from p2pd.control.access.caller import Caller
from p2pd.control.answers import Pacer
from p2pd.control.events.cursor import Cursor
from p2pd.control.events.event_log import EventLog
from p2pd.control.events.ledger import Changes, Ledger
from p2pd.control.events.messages import told
from p2pd.control.events.subscription import Wish
from p2pd.control.methods.column import Column
from p2pd.control.methods.torrent_fields import TORRENT_COLUMNS
from p2pd.session.api import SessionApi, TorrentView
from p2pd.session.session_events import TorrentEvent

NEW, UNKNOWN_CURSOR, BEHIND = "new", "unknown_cursor", "behind"
"""Why a client is told everything: it is new, its cursor is too old, or it read too slowly."""

Facts = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values come from."""

    session: SessionApi
    """All of it: what changes is noted for everybody together."""
    api: SessionApi
    """The same as whoever is called for sees it."""
    reactor: Any
    wall_clock: Callable[[], float]
    session_fields: Callable[[Sequence[str]], Awaitable[Mapping[str, Any]]]
    statistics: Facts


class Feed:
    """One wish, and how far it is known what has become of it."""

    log = Logger()

    def __init__(
        self,
        number: int,
        wish: Wish,
        caller: Caller,
        sources: Sources,
        epoch: str,
        version: int,
    ) -> None:
        self.number = number
        self.wish = wish
        self.caller = caller
        """For whom all is looked at."""
        self.version = version
        """As of when it is known."""
        self.filled = False
        self._born = version
        self._sources = sources
        self._epoch = epoch
        self._columns: list[Column] = [
            TORRENT_COLUMNS[name] for name in wish.fields if name in TORRENT_COLUMNS
        ]
        self._of_files = any(column.of_files for column in self._columns)
        # Of a torrent that is gone only its row tells whether it was shown.
        self._hides = wish.label is not None or not caller.identity.sees_all
        self._of_torrents = wish.of_torrents or self._hides
        self._torrents: Ledger[int] = Ledger(version)
        self._facts: Ledger[tuple[str, str]] = Ledger(version)
        self._events = EventLog(version)
        self._pending: dict[int, None] = {}
        self._ready: dict[int, list[bytes]] = {}

    @property
    def fields(self) -> list[str]:
        """Those of the wish that there are."""
        return [column.name for column in self._columns]

    @property
    def rows(self) -> int:
        """Torrents that it knows."""
        return len(self._torrents)

    @property
    def stirs(self) -> bool:
        """Whether there is something to look at."""
        return bool(self._pending) or self.wish.of_facts or self._has_events or not self.filled

    @property
    def _has_events(self) -> bool:
        return bool(self._events.between(self.version, 2**63))

    # -- what happens --------------------------------------------------------------------------

    def note(self, ids: Iterable[int], *, everything: bool) -> None:
        """These changed, or are gone."""
        if self._of_torrents:
            self._pending.update(dict.fromkeys(ids))
            if everything:
                self._pending.update(dict.fromkeys(self._torrents))

    def note_event(self, event: TorrentEvent, version: int) -> bool:
        """Something happened; whether it is to be told here. Called as `caller`."""
        if not (self.wish.covers_event(event) and self._shows(event)):
            return False
        self._events.add(version, event_row(event))
        return True

    def _shows(self, event: TorrentEvent) -> bool:
        torrent = self._sources.api.find(event.torrent_id)
        if torrent is not None:
            return self.wish.covers(torrent)
        # It was removed, or is hidden.
        return not self._hides or self._torrents.knew(event.torrent_id)

    async def bring_up_to_date(self, version: int) -> None:
        """Look at what changed: from then on it is as of `version`. Called as `caller`."""
        pacer = Pacer(self._sources.reactor)
        if not self.filled and self._of_torrents:
            self.note((torrent.id for torrent in self._sources.api.torrents()), everything=False)
        pending, self._pending = self._pending, {}
        for id_ in pending:
            try:
                await self._look_at(id_, version)
            except Exception:
                # Of the others is told all the same.
                self.log.failure("what changed in torrent {id} cannot be told", id=id_)
            await pacer.pause()
        await self._look_at_facts(version)
        self._ready.clear()
        self.version, self.filled = version, True

    async def _look_at(self, id_: int, version: int) -> None:
        torrent = self._sources.api.find(id_)
        if torrent is None or not self.wish.covers(torrent):
            self._torrents.remove(id_, version)
            return
        if self._of_files:
            torrent = await self._sources.api.detailed(torrent)
        self._torrents.put(id_, self._values(torrent), version)
        if torrent.rate_download or torrent.rate_upload:
            self._pending[id_] = None

    def _values(self, torrent: TorrentView) -> list[Any]:
        now = self._sources.wall_clock()
        return [column.get(torrent, now) for column in self._columns]

    async def _look_at_facts(self, version: int) -> None:
        wish = self.wish
        if wish.session_fields:
            found = await self._sources.session_fields(wish.session_fields)
            self._put_facts("session", wish.session_fields, found, version)
        if wish.statistics:
            found = await self._sources.statistics()
            self._put_facts("statistics", wish.statistics, found, version)

    def _put_facts(
        self, kind: str, names: Sequence[str], found: Mapping[str, Any], version: int
    ) -> None:
        for name in names:
            if name in found:
                self._facts.put((kind, name), [found[name]], version)

    # -- what is told --------------------------------------------------------------------------

    def cursor(self) -> str:
        """Of who knows all that is known here."""
        return Cursor(self._epoch, self.number, self.version).to_text()

    def knows(self, version: int) -> bool:
        """Whether it can be said what changed since."""
        return max(self._born, self._torrents.floor, self._events.floor) <= version <= self.version

    def everything(self, why: str, events_since: int) -> Iterator[bytes]:
        """The messages for who is to forget what he knew, but for the events since."""
        rows, facts = self._torrents.everything(), self._facts.everything()
        return self._told(rows, facts, events_since, why)

    def since(self, version: int) -> Iterable[bytes]:
        """The messages for who knows all as of a version that the feed `knows`.

        What many are told is made once.
        """
        ready = self._ready.get(version)
        if ready is None:
            rows, facts = self._torrents.since(version), self._facts.since(version)
            assert rows is not None
            assert facts is not None
            made = self._told(rows, facts, version, "")
            head = list(islice(made, 2))
            if len(head) == 2:
                return _joined(head, made)
            ready = self._ready[version] = head
        return ready

    def _told(
        self, rows: Changes[int], facts: Changes[tuple[str, str]], events_since: int, why: str
    ) -> Iterator[bytes]:
        rest: dict[str, Any] = {
            "removed": rows.gone,
            **_by_kind(facts),
            "events": self._events.between(events_since, self.version),
        }
        return told(self.number, self.cursor(), self._changed_rows(rows), rest, why)

    def _changed_rows(self, changes: Changes[int]) -> Iterator[dict[str, Any]]:
        names = self.fields
        for id_, row in changes.rows:
            if self._torrents.has(id_, row):  # it may be gone by the time that it is told
                told_values = {names[at]: row.values[at] for at in changes.values(row)}
                yield {"id": id_, **told_values}


def _joined(head: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from head
    yield from rest


def _by_kind(facts: Changes[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {"session": {}, "statistics": {}}
    for (kind, name), row in facts.rows:
        found[kind][name] = row.values[0]
    return found


def event_row(event: TorrentEvent) -> dict[str, Any]:
    """An event as JSON says it."""
    return {
        "kind": str(event.kind),
        "id": event.torrent_id,
        "hash_string": event.hash_string,
        "name": event.name,
        "at": event.at,
        "detail": dict(event.detail),
    }
