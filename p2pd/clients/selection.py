"""Naming torrents on a command line: by id, by the start of an info-hash, by a part of the name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiClient, JsonObject
from p2pd.clients.text import plain

NAMING_FIELDS = ["id", "hash_string", "info_hash_v2", "name"]
MOST_SHOWN = 5

_HASH_START = re.compile(r"[0-9a-f]{4,64}\Z")


def choose(client: ApiClient, words: Sequence[str]) -> list[JsonObject]:
    """The torrents that the words name, each once. Raises P2pdError for none or too many."""
    torrents = client.torrents(NAMING_FIELDS)
    chosen = {}
    for word in words:
        torrent = _one(torrents, word)
        chosen[torrent["id"]] = torrent
    return list(chosen.values())


def _one(torrents: Sequence[JsonObject], word: str) -> JsonObject:
    found = _matches(torrents, word)
    if len(found) == 1:
        return found[0]
    if not found:
        raise P2pdError(f"no torrent is called {plain(word, 100)!r}")
    names = [f"{torrent['id']} {plain(torrent['name'], 60)}" for torrent in found[:MOST_SHOWN]]
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    listed = ", ".join(names)
    raise P2pdError(f"{plain(word, 100)!r} could be {len(found)} torrents: {listed}{more}")


def _matches(torrents: Sequence[JsonObject], word: str) -> list[JsonObject]:
    """The best kind of match that there is: id, then info-hash, then whole name, then part."""
    lower = word.lower()
    kinds = (
        lambda torrent: str(torrent["id"]) == word,
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
