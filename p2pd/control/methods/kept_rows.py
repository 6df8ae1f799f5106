"""Rows of torrents at rest in JSON, kept until somebody notes that something about them changed.

Clients that poll ask for the same fields of thousands of torrents again and again, and next to
nothing of them has changed. What lasts while a torrent rests (`Column.lasts`) is made and encoded
once for all who ask for the same; what does not, and what torrents at work show, is asked for anew
each time. Nothing is kept while nobody asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from p2pd.control.methods.column import Column
from p2pd.control.methods.row_form import KeptRow, RestingRows, RowForm
from p2pd.session.api import TorrentView
from p2pd.session.follow_api import FollowApi, FollowingApi

WORTH_KEEPING = 100
"""Torrents in an answer: with fewer there is little to win."""

MOST_FORMS = 16
"""Different fields that are asked for at one time."""

MOST_BYTES = 16 * 1024 * 1024
"""Of all rows together."""

ROW_BYTES = 200
"""What a row takes beside its text: where it is kept, and by which id."""

LINGER_SECONDS = 600.0
"""Without a question before all is forgotten."""


class _Listing:
    """The rows of one form, by the torrents' ids."""

    __slots__ = ("making", "rows", "size")

    def __init__(self, making: RestingRows) -> None:
        self.making = making
        self.rows: dict[int, KeptRow] = {}
        self.size = 0

    def keep(self, id_: int, row: KeptRow) -> int:
        """The bytes that it takes."""
        self.rows[id_] = row
        taken = _size_of(row)
        self.size += taken
        return taken

    def drop(self, id_: int) -> int:
        """The bytes that are free."""
        row = self.rows.pop(id_, None)
        freed = 0 if row is None else _size_of(row)
        self.size -= freed
        return freed

    def clear(self) -> int:
        """The bytes that are free."""
        freed, self.size = self.size, 0
        self.rows.clear()
        self.making.clear()
        return freed


def _size_of(row: KeptRow) -> int:
    return ROW_BYTES + (len(row) if isinstance(row, bytes) else sum(map(len, row.texts)))


_Key = tuple[tuple[Column, ...], bool]


class KeptRows:
    """All that is kept, of the forms that were asked for last."""

    def __init__(self, api: FollowingApi, reactor: Any, *, most_bytes: int = MOST_BYTES) -> None:
        """`api` tells of the changes of all torrents, whoever asks."""
        self._api = api
        self._reactor = reactor
        self._most = most_bytes
        self._following: FollowApi | None = None
        self._stale = False
        self._listings: OrderedDict[_Key, _Listing] = OrderedDict()
        self._asked_at = 0.0
        self.size = 0
        """Bytes that all of it takes, about."""

    def rows(
        self, torrents: Sequence[TorrentView], columns: Sequence[Column], now: float, *, table: bool
    ) -> Iterator[bytes]:
        """The row of each, in JSON, as of when it is taken; `now` in Unix seconds."""
        form = RowForm(columns, table=table)
        if not form.keeps or len(torrents) < WORTH_KEEPING:
            return (form.whole(torrent, now) for torrent in torrents)
        return self._rows(torrents, form, self._listing((tuple(columns), table), form), now)

    def _rows(
        self, torrents: Sequence[TorrentView], form: RowForm, listing: _Listing, now: float
    ) -> Iterator[bytes]:
        for torrent in torrents:
            if self._stale:
                self._refresh()
            id_ = torrent.id
            row = listing.rows.get(id_)
            if row is None:
                row = listing.making.row(torrent, now)
                if row is None:
                    yield form.whole(torrent, now)
                    continue
                if self._has_room():
                    self.size += listing.keep(id_, row)
            yield row if isinstance(row, bytes) else row.filled(torrent, now)

    def _listing(self, key: _Key, form: RowForm) -> _Listing:
        self._asked_at = self._reactor.seconds()
        if self._following is None:
            self._following = self._api.follow(self._changed)
            self._reactor.callLater(LINGER_SECONDS, self._forget_unasked)
        listing = self._listings.get(key)
        if listing is None:
            listing = self._listings[key] = _Listing(RestingRows(form, self._api))
        self._listings.move_to_end(key)
        if len(self._listings) > MOST_FORMS:
            self._drop_oldest()
        return listing

    def _drop_oldest(self) -> None:
        _, listing = self._listings.popitem(last=False)
        self.size -= listing.clear()

    def _has_room(self) -> bool:
        """Whether one more row may be kept; a form that nobody asked for lately makes room."""
        while self.size >= self._most and len(self._listings) > 1:
            self._drop_oldest()
        return self.size < self._most

    # -- what changes --------------------------------------------------------------------------

    def _changed(self) -> None:
        """Called in the middle of a change: what it was is looked at before the next row."""
        self._stale = True

    def _refresh(self) -> None:
        self._stale = False
        if self._following is None:
            return
        seen = self._following.take()
        changed = [*(torrent.id for torrent in seen.torrents), *seen.removed]
        for listing in self._listings.values():
            if seen.everything:
                self.size -= listing.clear()
            for id_ in changed:
                self.size -= listing.drop(id_)

    def _forget_unasked(self) -> None:
        """Nobody asks any more: an idle daemon keeps nothing."""
        left = self._asked_at + LINGER_SECONDS - self._reactor.seconds()
        if left > 0:
            self._reactor.callLater(left, self._forget_unasked)
        elif self._following is not None:
            self._following.close()
            self._following = None
            while self._listings:
                self._drop_oldest()
