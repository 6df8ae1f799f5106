"""What a user's clients have a copy of: torrents, categories, tags, trackers, the session's state.

It is kept once for all clients of a user, and brought up to date when one of them asks: by what the
session says changed, by what moves all the time, and by a few of the others in turn, since seconds
that are counted are no change. What a client is told costs what changed since it asked last.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.defer import DeferredLock

from p2pd.control.answers import Pacer, encode_members
from p2pd.control.methods.column import Getter
from p2pd.control.qbittorrent.groups import Groups
from p2pd.control.qbittorrent.labels import Labels
from p2pd.control.qbittorrent.preferences import is_queueing
from p2pd.control.qbittorrent.versioned_table import VersionedTable
from p2pd.session.api import SessionApi, TorrentView

LOOKED_AT = 50
"""Torrents of which nothing is said to have changed that are looked at each time."""

MAX_GIVEN = 4096
"""Answers after which who got an older one is told everything."""


class Given:
    """The numbers of answers that somebody may have: of no others a change can be told."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def add(self, number: int) -> None:
        """One more is out."""
        self._numbers[number] = None
        while len(self._numbers) > MAX_GIVEN:
            self._numbers.popitem(last=False)


class MainData:
    """The state, and the versions of it that clients have."""

    def __init__(
        self,
        api: SessionApi,
        labels: Labels,
        fields: Mapping[str, Getter],
        wall_clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._labels = labels
        self._getters = tuple(fields.values())
        self._wall_clock = wall_clock
        self._torrents = VersionedTable(tuple(fields))
        self._categories = VersionedTable(("name", "savePath"))
        self._tags = VersionedTable(())
        self._trackers = VersionedTable(("hashes",))
        self._state: VersionedTable | None = None
        self._hashes: dict[int, str] = {}
        self._moving: set[int] = set()
        self._turns: deque[int] = deque()
        self._tagged, self._tracked = Groups(), Groups()
        self._shared: object = None
        self._given = Given()
        self._following = api.follow(lambda: None)
        self.lock = DeferredLock()

    def close(self) -> None:
        """Collect no more."""
        self._following.close()

    # -- to clients ----------------------------------------------------------------------------

    async def answer(
        self, known: int, number: int, state: Mapping[str, Any], pacer: Pacer
    ) -> dict[str, Any]:
        """What has changed for who got the answer `known`; this one has a number that is higher."""
        await self._refresh(number, pacer)
        self._put_state(state, number)
        tables = (self._torrents, self._categories, self._tags, self._trackers)
        behind = known not in self._given or any(known < table.forgotten for table in tables)
        answer = await (self._everything(pacer) if behind else self._news(known, pacer))
        self._given.add(number)
        return {"rid": number, **answer}

    async def _everything(self, pacer: Pacer) -> dict[str, Any]:
        assert self._state is not None
        return {
            "full_update": True,
            "torrents": await encode_members(self._torrents.all_rows(), pacer),
            "categories": dict(self._categories.all_rows()),
            "tags": self._tags.keys(),
            "trackers": {url: row["hashes"] for url, row in self._trackers.all_rows()},
            "server_state": dict(self._state.all_rows())[""],
        }

    async def _news(self, known: int, pacer: Pacer) -> dict[str, Any]:
        assert self._state is not None
        answer: dict[str, Any] = {
            "torrents_removed": self._torrents.removed_since(known),
            "categories": dict(self._categories.rows_since(known)),
            "categories_removed": self._categories.removed_since(known),
            "tags": [tag for tag, _ in self._tags.rows_since(known)],
            "tags_removed": self._tags.removed_since(known),
            "trackers": {u: row["hashes"] for u, row in self._trackers.rows_since(known)},
            "trackers_removed": self._trackers.removed_since(known),
            "server_state": dict(self._state.rows_since(known)).get("", {}),
        }
        news = {name: value for name, value in answer.items() if value}
        if next(self._torrents.rows_since(known), None) is not None:
            news["torrents"] = await encode_members(self._torrents.rows_since(known), pacer)
        return news

    # -- from the session ----------------------------------------------------------------------

    async def _refresh(self, version: int, pacer: Pacer) -> None:
        changes = self._following.take()
        settings = self._api.settings
        shared = (tuple(self._labels.rules), is_queueing(settings))
        if changes.everything or shared != self._shared:
            self._shared = shared
            ids = dict.fromkeys([*self._hashes, *(t.id for t in self._api.torrents())])
        else:
            ids = self._some(torrent.id for torrent in changes.torrents)
        now = self._wall_clock()
        for id_ in (*changes.removed, *ids):
            torrent = self._api.find(id_)
            if torrent is None:
                self._drop(id_, version)
            else:
                self._look(torrent, now, version)
            await pacer.pause()
        self._put_labels(version)
        self._put_trackers(version)

    def _some(self, changed: Iterable[int]) -> dict[int, None]:
        """Those that changed, those that move, and a few others."""
        ids = dict.fromkeys([*changed, *self._moving])
        for _ in range(min(LOOKED_AT, len(self._turns))):
            id_ = self._turns.popleft()
            if id_ in self._hashes:
                self._turns.append(id_)
                ids[id_] = None
        return ids

    def _look(self, torrent: TorrentView, now: float, version: int) -> None:
        key = torrent.hash_string
        if torrent.id not in self._hashes:
            self._hashes[torrent.id] = key
            self._turns.append(torrent.id)
        seen = self._api.at_rest(torrent) or torrent
        self._torrents.put(key, [get(seen, now) for get in self._getters], version)
        self._tagged.put(key, self._labels.tags_of(torrent.labels))
        self._tracked.put(key, (url for tier in torrent.tracker_tiers for url in tier))
        if torrent.peers or torrent.rate_download or torrent.rate_upload:
            self._moving.add(torrent.id)
        else:
            self._moving.discard(torrent.id)

    def _drop(self, id_: int, version: int) -> None:
        key = self._hashes.pop(id_, None)
        self._moving.discard(id_)
        if key is not None:
            self._torrents.drop(key, version)
            self._tagged.put(key, ())
            self._tracked.put(key, ())

    def _put_labels(self, version: int) -> None:
        wanted = self._labels.categories()
        for name in self._categories.keys():  # noqa: SIM118 - these are no dictionary's
            if name not in wanted:
                self._categories.drop(name, version)
        for name, row in wanted.items():
            self._categories.put(name, [row["name"], row["savePath"]], version)
        loose = self._labels.loose
        for tag in self._tags.keys():  # noqa: SIM118
            if tag not in self._tagged and tag not in loose:
                self._tags.drop(tag, version)
        for tag in (*self._tagged.changed, *loose):
            if tag in self._tagged or tag in loose:
                self._tags.put(tag, [], version)
        self._tagged.changed.clear()

    def _put_trackers(self, version: int) -> None:
        for url in self._tracked.changed:
            members = self._tracked.members(url)
            if members:
                self._trackers.put(url, [members], version)
            else:
                self._trackers.drop(url, version)
        self._tracked.changed.clear()

    def _put_state(self, state: Mapping[str, Any], version: int) -> None:
        if self._state is None:
            self._state = VersionedTable(tuple(state))
        self._state.put("", list(state.values()), version)
