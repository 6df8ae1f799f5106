"""Rows of torrents at rest in JSON, kept until somebody notes that something about them changed.

Clients that poll ask for the same fields of thousands of torrents again and again, and next to
nothing of them has changed. What lasts while a torrent rests (`Column.lasts`) is made and encoded
once for all who ask for the same; what does not, and what torrents at work show, is asked for anew
each time. Nothing is kept while nobody asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from p2pd.control.answers import dumps
from p2pd.control.methods.torrent_fields import Column
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

Stretches = tuple[bytes, ...]


class RowForm:
    """How a row is written: stretches of JSON that last, and a value that does not between two."""

    def __init__(self, columns: Sequence[Column], *, table: bool) -> None:
        if not table:
            # The order of an object's members means nothing: so what lasts is one stretch.
            columns = sorted(columns, key=lambda column: not column.lasts)
        self.keeps = any(column.lasts for column in columns)
        self._table = table
        self._columns = columns
        self._parts = [*_parts(columns)]
        self._passing = [column.get for column in columns if not column.lasts]
        self._stays = [column.stays for column in columns if not column.lasts]

    def whole(self, torrent: TorrentView, now: float) -> bytes:
        """The row, all of it asked for."""
        return dumps(self._values(self._columns, torrent, now))

    def stretches(self, torrent: TorrentView, now: float) -> Stretches:
        """What lasts of the row: one more than there are values that do not, or all of it."""
        if all(stays is not None and stays(torrent) for stays in self._stays):
            return (self.whole(torrent, now),)
        found, text = list[bytes](), b"[" if self._table else b"{"
        for position, part in enumerate(self._parts):
            text += b"," if position else b""
            if isinstance(part, Column):
                found.append(text if self._table else text + dumps(part.name) + b":")
                text = b""
            else:
                text += dumps(self._values(part, torrent, now))[1:-1]
        return (*found, text + (b"]" if self._table else b"}"))

    def filled(self, stretches: Stretches, torrent: TorrentView, now: float) -> bytes:
        """The row, with those values asked for that do not last."""
        if len(stretches) == 1:
            return stretches[0]
        texts = [stretches[0]]
        for get, stretch in zip(self._passing, stretches[1:], strict=True):
            value = get(torrent, now)
            texts += (b"%d" % value if type(value) is int else dumps(value), stretch)
        return b"".join(texts)

    def _values(self, columns: Sequence[Column], torrent: TorrentView, now: float) -> object:
        if self._table:
            return [column.get(torrent, now) for column in columns]
        return {column.name: column.get(torrent, now) for column in columns}


def _parts(columns: Sequence[Column]) -> Iterator[Column | list[Column]]:
    """Those that last together, as far as they stand together; others each for itself."""
    for lasts, group in groupby(columns, key=lambda column: column.lasts):
        if lasts:
            yield [*group]
        else:
            yield from group


class _Listing:
    """The rows of one form, by the torrents' ids."""

    __slots__ = ("form", "rows", "size")

    def __init__(self, form: RowForm) -> None:
        self.form = form
        self.rows: dict[int, Stretches] = {}
        self.size = 0

    def keep(self, id_: int, stretches: Stretches) -> int:
        """The bytes that it takes."""
        self.rows[id_] = stretches
        taken = _size_of(stretches)
        self.size += taken
        return taken

    def drop(self, id_: int) -> int:
        """The bytes that are free."""
        stretches = self.rows.pop(id_, None)
        freed = 0 if stretches is None else _size_of(stretches)
        self.size -= freed
        return freed

    def clear(self) -> int:
        """The bytes that are free."""
        freed, self.size = self.size, 0
        self.rows.clear()
        return freed


def _size_of(stretches: Stretches) -> int:
    return ROW_BYTES + sum(map(len, stretches))


class KeptRows:
    """All that is kept, of the forms that were asked for last."""

    def __init__(self, api: FollowingApi, reactor: Any, *, most_bytes: int = MOST_BYTES) -> None:
        """`api` tells of the changes of all torrents, whoever asks."""
        self._api = api
        self._reactor = reactor
        self._most = most_bytes
        self._following: FollowApi | None = None
        self._stale = False
        self._listings: OrderedDict[tuple[tuple[Column, ...], bool], _Listing] = OrderedDict()
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
        return self._rows(torrents, self._listing((tuple(columns), table), form), now)

    def _rows(
        self, torrents: Sequence[TorrentView], listing: _Listing, now: float
    ) -> Iterator[bytes]:
        form = listing.form
        for torrent in torrents:
            if self._stale:
                self._refresh()
            stretches = listing.rows.get(torrent.id)
            if stretches is not None:
                yield form.filled(stretches, torrent, now)
                continue
            at_rest = self._api.at_rest(torrent)
            if at_rest is not None and self._has_room():
                stretches = form.stretches(at_rest, now)
                self.size += listing.keep(torrent.id, stretches)
                yield form.filled(stretches, at_rest, now)
            else:
                yield form.whole(at_rest or torrent, now)

    def _listing(self, key: tuple[tuple[Column, ...], bool], form: RowForm) -> _Listing:
        self._asked_at = self._reactor.seconds()
        if self._following is None:
            self._following = self._api.follow(self._changed)
            self._reactor.callLater(LINGER_SECONDS, self._forget_unasked)
        listing = self._listings.setdefault(key, _Listing(form))
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
