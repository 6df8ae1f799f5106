"""What a client may follow, and how it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p2pd.control.methods.selection import RECENTLY_ACTIVE, ids
from p2pd.control.schema import Param, bind, integer, list_of, number, one_of, refuse, text
from p2pd.session.api import TorrentView
from p2pd.session.session_events import EventKind, TorrentEvent

ALL = "all"
LEAST_INTERVAL, USUAL_INTERVAL, MOST_INTERVAL = 0.1, 1.0, 3600.0

_NAMES = list_of(text(100), 300)

SUBSCRIBE_PARAMS = (
    Param("ids", ids, None),
    Param("label", text(255), None),
    Param("fields", _NAMES, ()),
    Param("session_fields", _NAMES, ()),
    Param("statistics", _NAMES, ()),
    Param("kinds", list_of(one_of(ALL, *EventKind), 100), ()),
    Param("interval", number(LEAST_INTERVAL, MOST_INTERVAL), USUAL_INTERVAL),
    Param("cursor", text(100), None),
)

UNSUBSCRIBE_PARAMS = (Param("subscription", integer(1, 2**53)),)

MAX_IDS = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody follows; two that are equal are told the very same."""

    ids: frozenset[int | str] | None
    """Of torrents, or info-hashes in lower-case hex; None: any."""
    label: str | None
    fields: tuple[str, ...]
    session_fields: tuple[str, ...]
    statistics: tuple[str, ...]
    kinds: frozenset[str]
    interval: float

    @property
    def of_torrents(self) -> bool:
        """Whether it has to be known which torrents there are."""
        return bool(self.fields) or self.label is not None

    @property
    def of_facts(self) -> bool:
        """Whether something is to be asked again and again that nobody tells of."""
        return bool(self.session_fields or self.statistics)

    def covers(self, torrent: TorrentView) -> bool:
        """Whether it is about this torrent."""
        if self.label is not None and self.label not in torrent.labels:
            return False
        if self.ids is None or torrent.id in self.ids:
            return True
        hashes = torrent.info_hashes
        named = [hashes.v1, hashes.v2, hashes.v2[:20] if hashes.v2 else None]
        return any(name.hex() in self.ids for name in named if name)

    def covers_event(self, event: TorrentEvent) -> bool:
        """The same of an event, by what that tells of its torrent."""
        named = self.ids is None or not self.ids.isdisjoint((event.torrent_id, event.hash_string))
        return event.kind in self.kinds and named


def parse_wish(params: Mapping[str, object]) -> tuple[Wish, str | None]:
    """The wish, and the cursor that came with it. Raises RpcError."""
    given: dict[str, Any] = bind(params, SUBSCRIBE_PARAMS)
    wanted = given["ids"]
    if wanted is not None:
        if RECENTLY_ACTIVE in wanted:
            raise refuse(f"ids cannot be {RECENTLY_ACTIVE}: what changes is what is told")
        if len(wanted) > MAX_IDS:
            raise refuse(f"ids holds more than {MAX_IDS} values: leave it out, or use a label")
        wanted = frozenset(one.lower() if isinstance(one, str) else one for one in wanted)
    kinds = frozenset(given["kinds"])
    wish = Wish(
        ids=wanted,
        label=given["label"],
        fields=_sorted(given["fields"]),
        session_fields=_sorted(given["session_fields"]),
        statistics=_sorted(given["statistics"]),
        kinds=frozenset(map(str, EventKind)) if ALL in kinds else kinds,
        interval=given["interval"],
    )
    if not (wish.of_torrents or wish.of_facts or wish.kinds):
        raise refuse("name fields, session_fields, statistics or kinds: else there is no news")
    return wish, given["cursor"]


def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
