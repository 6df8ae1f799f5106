"""torrents/info and torrents/count: which torrents, in which order, and how many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from p2pd.control.answers import Pacer, join_rows
from p2pd.control.methods.column import Getter
from p2pd.control.methods.row_form import RestingRows, RowForm
from p2pd.control.qbittorrent.call import Action, Answer, Call, torrents_named
from p2pd.control.qbittorrent.labels import Labels
from p2pd.control.qbittorrent.refusals import wrong
from p2pd.control.qbittorrent.states import FILTERS, state_of
from p2pd.control.qbittorrent.torrent_fields import info_columns
from p2pd.session.api import SessionApi, TorrentView

Wanted = Callable[[TorrentView], bool]


class Listing:
    """The actions that list torrents."""

    def __init__(
        self,
        api: SessionApi,
        labels: Labels,
        fields: Mapping[str, Getter],
        wall_clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._labels = labels
        self._wall_clock = wall_clock
        self._fields = fields
        self._columns = info_columns(fields)

    def actions(self) -> dict[str, Action]:
        """By path."""
        return {
            "torrents/info": Action(self.info, "torrent_get"),
            "torrents/count": Action(self.count, "torrent_get"),
        }

    async def info(self, call: Call) -> Answer:
        """The torrents asked for, with all their fields."""
        found = await self._found(call)
        if call.has("sort") and call.text("sort"):
            found = await self._sorted(found, call)
        found = _part(found, call)
        return await join_rows(self._rows(found), call.pacer)

    async def count(self, call: Call) -> Answer:
        """How many torrents there are."""
        return str(sum(1 for _ in self._api.torrents()))

    def _rows(self, torrents: list[TorrentView]) -> Iterator[bytes]:
        now, form = self._wall_clock(), RowForm(self._columns, sorts=False)
        at_rest = RestingRows(form, self._api)
        for torrent in torrents:
            row = at_rest.row(torrent, now)
            if row is None:
                yield form.whole(torrent, now)
            else:
                yield row if isinstance(row, bytes) else row.filled(torrent, now)

    async def _found(self, call: Call) -> list[TorrentView]:
        torrents = (
            torrents_named(self._api, call.listed("hashes"))
            if call.has("hashes") and call.text("hashes")
            else list(self._api.torrents())
        )
        checks = list(self._checks(call))
        if not checks:
            return torrents
        found = []
        for torrent in torrents:
            if all(wanted(torrent) for wanted in checks):
                found.append(torrent)
            await call.pacer.pause()
        return found

    def _checks(self, call: Call) -> Iterator[Wanted]:
        """What a torrent has to be, the cheapest first."""
        labels = self._labels
        if call.has("category"):
            category = call.text("category")
            yield lambda torrent: labels.category_of(torrent.labels) == category
        if call.has("tag"):
            tag = call.text("tag")
            yield lambda torrent: _has_tag(labels.tags_of(torrent.labels), tag)
        if (private := call.flag("private")) is not None:
            yield (
                lambda torrent: (
                    (torrent.summary is not None) and (torrent.summary.private is private)
                )
            )
        fits = FILTERS.get(call.text("filter", ""))
        if fits is not None:
            yield lambda torrent: fits(state_of(torrent), torrent)

    async def _sorted(self, torrents: list[TorrentView], call: Call) -> list[TorrentView]:
        get = self._fields.get(call.text("sort"))
        if get is None:
            raise wrong("sort is the name of no field")
        now = self._wall_clock()
        keyed = await _keyed(torrents, get, now, call.pacer)
        keyed.sort(key=lambda pair: pair[0], reverse=bool(call.flag("reverse")))
        return [torrent for _, torrent in keyed]


async def _keyed(
    torrents: list[TorrentView], get: Getter, now: float, pacer: Pacer
) -> list[tuple[Any, TorrentView]]:
    keyed = []
    for torrent in torrents:
        keyed.append((get(torrent, now), torrent))
        await pacer.pause()
    return keyed


def _has_tag(tags: list[str], wanted: str) -> bool:
    return wanted in tags if wanted else not tags


def _part(torrents: list[TorrentView], call: Call) -> list[TorrentView]:
    """Those from `offset` on, which counts from the end if it is negative, `limit` of them."""
    offset, limit = call.whole("offset", 0), call.whole("limit", 0)
    start = max(0, offset if offset >= 0 else len(torrents) + offset)
    return torrents[start : start + limit] if limit > 0 else torrents[start:]
