"""The `ids` param: which torrents a call is about (Transmission's rpc-spec, 3.1).

A whole number, an info-hash in hex, a list of both, or `recently_active`; left out means all.
Ids that are nowhere are left out of the selection without an error, as clients expect that poll
for torrents which somebody else just removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from p2pd.control.schema import Check, described, list_of, refuse, schema_of
from p2pd.session.api import SessionApi, TorrentView

RECENTLY_ACTIVE = "recently_active"
RECENT_SECONDS = 60.0

Ids = tuple[int | str, ...]


@described({"type": ["integer", "string"], "maxLength": 64})
def _one_id(name: str, value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= 64:
        return value
    raise refuse(f"{name} must be a torrent's whole number or its info-hash in hex")


_MANY: Check = list_of(_one_id)


@described({"oneOf": [schema_of(_one_id), schema_of(_MANY)]})
def ids(name: str, value: object) -> Ids:
    """Check an `ids` param; the method gets a tuple."""
    many: Ids = _MANY(name, value) if isinstance(value, list) else (_one_id(name, value),)
    return many


class Selection:
    """Finds the torrents for `ids`."""

    def __init__(self, api: SessionApi, wall_clock: Callable[[], float]) -> None:
        self._api = api
        self._wall_clock = wall_clock

    def torrents(self, wanted: Ids | None) -> list[TorrentView]:
        """The torrents, each once, in the order asked for; None means all."""
        if wanted is None:
            return list(self._api.torrents())
        found: dict[int, TorrentView] = {}
        for key in wanted:
            matches = self._recent() if key == RECENTLY_ACTIVE else self._one(key)
            found.update((torrent.id, torrent) for torrent in matches)
        return list(found.values())

    def one_by_one(self, wanted: Ids | None) -> Iterator[TorrentView]:
        """The same, for who waits between them: what somebody removes meanwhile is left out."""
        for torrent in self.torrents(wanted):
            if self._api.find(torrent.id) is not None:
                yield torrent

    def removed(self) -> list[int]:
        """The ids of the torrents removed lately."""
        return self._api.removed_since(self._wall_clock() - RECENT_SECONDS)

    def _one(self, key: int | str) -> Iterable[TorrentView]:
        torrent = self._api.find(key)
        return () if torrent is None else (torrent,)

    def _recent(self) -> Iterable[TorrentView]:
        return self._api.changed_since(self._wall_clock() - RECENT_SECONDS)
