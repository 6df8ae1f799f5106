"""What is asked of the daemon at each look: what changed, not everything there is.

And nothing of the torrents as long as the daemon tells of them by itself. Knows the API, and
neither threads nor screens.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiClient, JsonObject
from p2pd.clients.top.follower import Changes, Follower
from p2pd.clients.top.torrent_list import FIELDS

FRESH_SECONDS = 50.0
"""The daemon tells of what changed within 60 seconds: who was away for longer asks for all."""

WHOLE_SECONDS = 10.0
"""All is asked for no more often than this when the count of torrents is not what it should be."""

SETTINGS_SECONDS = 5.0
STAT_FIELDS = ["active_torrent_count", "download_speed", "torrent_count", "upload_speed"]
SETTING_FIELDS = [
    "alt_speed_enabled", "download_dir", "download_dir_free_space", "speed_limit_down",
    "speed_limit_down_enabled", "speed_limit_up", "speed_limit_up_enabled", "state_notice",
    "version",
]  # fmt: skip

PART_FIELDS: Mapping[str, list[str]] = {
    "overview": [
        "activity_date", "added_date", "comment", "corrupt_ever", "done_date", "download_dir",
        "downloaded_ever", "error", "error_string", "eta", "file_count", "hash_string",
        "have_valid", "is_private", "labels", "metadata_percent_complete", "peers_connected",
        "peers_getting_from_us", "peers_sending_to_us", "percent_done", "piece_count",
        "piece_size", "rate_download", "rate_upload", "seconds_downloading", "seconds_seeding",
        "size_when_done", "status", "total_size", "upload_ratio", "uploaded_ever",
    ],
    "files": ["file_stats", "files"],
    "peers": ["peers"],
    "trackers": ["discovery", "tracker_stats"],
    "pieces": ["availability", "piece_count", "piece_size", "pieces"],
    "rates": ["download_limit_in_force", "upload_limit_in_force"],
}  # fmt: skip
"""What each part of the details takes."""


Answer = TypeVar("Answer", bound=Container[str])


class Interest(NamedTuple):
    """What is looked at closely: a torrent and a part of its details; None is nothing."""

    torrent: int | None = None
    part: str = "overview"


NOTHING = Interest()


@dataclass(frozen=True)
class Look:
    """What came of one look."""

    torrents: list[JsonObject] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    whole: bool = False
    stats: JsonObject = field(default_factory=dict)
    settings: JsonObject | None = None
    interest: Interest = NOTHING
    details: JsonObject | None = None


class Feed:
    """Asks, and remembers what has been told, so that the next look can be small."""

    def __init__(
        self, client: ApiClient, clock: Callable[[], float], follower: Follower | None = None
    ) -> None:
        """`follower` has what the daemon tells by itself."""
        self._follower = follower
        self._client = client
        self._clock = clock
        self._known: set[int] = set()
        self._follows = False
        self._looked = self._asked_all = self._asked_settings = float("-inf")

    def forget(self) -> None:
        """Ask for everything next time, as after the connection was lost."""
        self._looked = self._asked_all = self._asked_settings = float("-inf")

    def settings_changed(self) -> None:
        """Ask for the settings at the next look."""
        self._asked_settings = float("-inf")

    def look(self, interest: Interest) -> Look:
        """What there is to know now. Raises P2pdError."""
        now = self._clock()
        if self._follower is not None:
            changes = self._follower.take(everything=self._looked == float("-inf"))
            if changes is not None:
                return self._told(changes, interest)
            self._forget_told()
        whole = now - self._looked > FRESH_SECONDS
        torrents, removed = self._all(now) if whole else self._recent()
        stats = _complete(self._client.call("session_stats"), STAT_FIELDS)
        if (
            not whole
            and stats["torrent_count"] != len(self._known)
            and now - self._asked_all >= WHOLE_SECONDS
        ):
            whole = True
            torrents, removed = self._all(now)
        self._looked = now
        details = self._details(interest)
        return Look(torrents, removed, whole, stats, self._settings(now), interest, details)

    def _told(self, changes: Changes, interest: Interest) -> Look:
        """Of what the daemon told; only the details are asked for."""
        stats = _complete(changes.statistics, STAT_FIELDS)
        settings = _complete(changes.session, SETTING_FIELDS)
        for torrent in changes.torrents:
            _complete(torrent, FIELDS)
        self._looked, self._follows = self._clock(), True
        details = self._details(interest)
        return Look(
            changes.torrents, changes.removed, changes.whole, stats, settings, interest, details
        )

    def _forget_told(self) -> None:
        """From now on it is asked, and first for everything."""
        if self._follows:
            self._follows = False
            self.forget()

    def _all(self, now: float) -> tuple[list[JsonObject], list[int]]:
        torrents, _ = self._ask()
        self._asked_all = now
        self._known = {torrent["id"] for torrent in torrents}
        return torrents, []

    def _recent(self) -> tuple[list[JsonObject], list[int]]:
        torrents, removed = self._ask("recently_active")
        self._known.update(torrent["id"] for torrent in torrents)
        self._known.difference_update(removed)
        return torrents, removed

    def _ask(self, ids: str | None = None) -> tuple[list[JsonObject], list[int]]:
        chosen = {} if ids is None else {"ids": ids}
        answer = self._client.call("torrent_get", fields=FIELDS, format="table", **chosen)
        names, *rows = answer["torrents"]
        _complete(names, FIELDS)
        torrents = [dict(zip(names, row, strict=True)) for row in rows]
        return torrents, answer.get("removed", [])

    def _settings(self, now: float) -> JsonObject | None:
        if now - self._asked_settings < SETTINGS_SECONDS:
            return None
        self._asked_settings = now
        return _complete(self._client.call("session_get", fields=SETTING_FIELDS), SETTING_FIELDS)

    def _details(self, interest: Interest) -> JsonObject | None:
        if interest.torrent is None:
            return None
        fields = PART_FIELDS[interest.part]
        found = self._client.torrents(fields, [interest.torrent])
        return _complete(found[0], fields) if found else None


def _complete(answer: Answer, fields: Sequence[str]) -> Answer:
    """The answer, if nothing is missing in it. Raises P2pdError."""
    for name in fields:
        if name not in answer:
            raise P2pdError(f"the daemon speaks another version of the API: it has no {name}")
    return answer
