"""Naming torrents on a command line: by id, a range of ids, the start of an info-hash, a part of
the name; and many at once, by their labels and by what they are doing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiClient, JsonObject
from p2pd.clients.text import has_metadata, plain

NAMING_FIELDS = ["id", "hash_string", "info_hash_v2", "name"]
JUDGING_FIELDS = [
    "error", "labels", "metadata_percent_complete", "percent_done", "rate_download", "rate_upload",
    "status",
]  # fmt: skip
"""What labels and states are told by."""

MOST_SHOWN = 5

_HASH_START = re.compile(r"[0-9a-f]{4,64}\Z")
_RANGES = re.compile(r"\d{1,15}(-\d{1,15})?(,\d{1,15}(-\d{1,15})?)*\Z")

STATES: Mapping[str, Callable[[JsonObject], bool]] = {
    "active": lambda torrent: bool(torrent["rate_download"] or torrent["rate_upload"]),
    "checking": lambda torrent: torrent["status"] in (1, 2),
    "complete": lambda torrent: has_metadata(torrent) and torrent["percent_done"] == 1,
    "downloading": lambda torrent: torrent["status"] == 4,
    "error": lambda torrent: bool(torrent["error"]),
    "incomplete": lambda torrent: not has_metadata(torrent) or torrent["percent_done"] < 1,
    "magnet": lambda torrent: not has_metadata(torrent),
    "queued": lambda torrent: torrent["status"] in (3, 5),
    "seeding": lambda torrent: torrent["status"] == 6,
    "stopped": lambda torrent: torrent["status"] == 0,
}
"""What torrents can be chosen by; the numbers are the API's `status`."""


@dataclass(frozen=True)
class Wanted:
    """Which torrents a command is about: those named, or all; of these, what the rest allows."""

    words: tuple[str, ...] = ()
    everything: bool = False
    labels: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it says anything at all."""
        return self.everything or bool(self.words or self.labels or self.states)

    def find(self, client: ApiClient) -> list[JsonObject]:
        """The torrents, each once, with NAMING_FIELDS. Raises P2pdError for a name of none or many.

        Labels and states may choose none; that is no error.
        """
        judged = bool(self.labels or self.states)
        torrents = client.torrents(NAMING_FIELDS + (JUDGING_FIELDS if judged else []))
        named = named_by(torrents, self.words) if self.words else torrents
        chosen = [torrent for torrent in named if self._allows(torrent)]
        return [{name: torrent[name] for name in NAMING_FIELDS} for torrent in chosen]

    def _allows(self, torrent: JsonObject) -> bool:
        """Each label given must be there, and one of the states."""
        return all(label in torrent["labels"] for label in self.labels) and (
            not self.states or any(STATES[state](torrent) for state in self.states)
        )


def choose(client: ApiClient, words: Sequence[str]) -> list[JsonObject]:
    """The torrents that the words name, each once. Raises P2pdError for none or too many."""
    return named_by(client.torrents(NAMING_FIELDS), words)


def named_by(torrents: Sequence[JsonObject], words: Iterable[str]) -> list[JsonObject]:
    """Those of the torrents that the words name, each once. Raises P2pdError."""
    chosen = {}
    for word in words:
        for torrent in _named(torrents, word):
            chosen[torrent["id"]] = torrent
    return list(chosen.values())


def _named(torrents: Sequence[JsonObject], word: str) -> list[JsonObject]:
    if numbered := _in_ranges(torrents, word):
        return numbered
    found = _matches(torrents, word)
    if len(found) == 1:
        return found
    if not found:
        raise P2pdError(f"no torrent is called {plain(word, 100)!r}")
    names = [f"{torrent['id']} {plain(torrent['name'], 60)}" for torrent in found[:MOST_SHOWN]]
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    listed = ", ".join(names)
    raise P2pdError(f"{plain(word, 100)!r} could be {len(found)} torrents: {listed}{more}")


def _in_ranges(torrents: Sequence[JsonObject], word: str) -> list[JsonObject]:
    """The torrents of ``3``, ``3-7`` or ``3,5-7``; none unless each part has one."""
    if not _RANGES.match(word):
        return []
    found: list[JsonObject] = []
    for part in word.split(","):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        inside = [torrent for torrent in torrents if low <= torrent["id"] <= high]
        if not inside:
            return []
        found += inside
    return found


def _matches(torrents: Sequence[JsonObject], word: str) -> list[JsonObject]:
    """The best kind of match that there is: info-hash, then whole name, then part."""
    lower = word.lower()
    kinds = (
        lambda torrent: _HASH_START.match(lower) is not None and _hash_starts(torrent, lower),
        lambda torrent: torrent["name"].lower() == lower,
        lambda torrent: bool(lower) and lower in torrent["name"].lower(),
    )
    for kind in kinds:
        if found := [torrent for torrent in torrents if kind(torrent)]:
            return found
    return []


def _hash_starts(torrent: JsonObject, start: str) -> bool:
    hashes = (torrent["hash_string"], torrent.get("info_hash_v2", ""))
    return any(digits.startswith(start) for digits in hashes)
