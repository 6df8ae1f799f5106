"""The torrents as they are shown: what came of the daemon, filtered, sorted, in rows.

Pure. With ten thousand torrents a look that changes a few of them costs a few milliseconds:
keys to sort by and matches of the filter are kept for those that did not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from p2pd.clients.api_client import JsonObject
from p2pd.clients.selection import STATES
from p2pd.clients.text import duration, has_metadata, percent, plain, rate, ratio, size, status
from p2pd.clients.top.cells import BAD, CARE, DOWN, GOOD, QUIET, UP, Column, Row, bar, cell

FIELDS = [
    "added_date", "disk_state", "error", "error_string", "eta", "id", "labels",
    "metadata_percent_complete", "move", "name", "peers_connected", "percent_done",
    "queue_position", "rate_download", "rate_upload", "recheck_progress", "size_when_done",
    "status", "upload_ratio",
]  # fmt: skip

COLUMNS = (
    Column("id", "Id", 5, right=True, rank=4),
    Column("name", "Name", 0),
    Column("done", "Done", 14),
    Column("size", "Size", 9, right=True, rank=6),
    Column("state", "State", 12, rank=3),
    Column("down", "Down", 11, right=True, rank=1),
    Column("up", "Up", 11, right=True, rank=2),
    Column("left", "Left", 7, right=True, rank=5),
    Column("ratio", "Ratio", 6, right=True, rank=7),
    Column("peers", "Peers", 5, right=True, rank=8),
    Column("queue", "Queue", 5, right=True, rank=10),
    Column("labels", "Labels", 14, rank=9),
)
BAR_WIDTH = 7
FAR = float("inf")

SORT_KEYS: Mapping[str, Callable[[JsonObject], Any]] = {
    "id": lambda torrent: torrent["id"],
    "name": lambda torrent: torrent["name"].casefold(),
    "done": lambda torrent: torrent["percent_done"],
    "size": lambda torrent: torrent["size_when_done"],
    "state": lambda torrent: torrent["status"],
    "down": lambda torrent: torrent["rate_download"],
    "up": lambda torrent: torrent["rate_upload"],
    "left": lambda torrent: torrent["eta"] if torrent["eta"] >= 0 else FAR,
    "ratio": lambda torrent: torrent["upload_ratio"],
    "peers": lambda torrent: torrent["peers_connected"],
    "queue": lambda torrent: torrent["queue_position"],
    "labels": lambda torrent: [label.casefold() for label in torrent["labels"]],
}
LARGEST_FIRST = {"done", "size", "down", "up", "ratio", "peers"}
"""What most are sorted by to see the large ones."""


@dataclass(frozen=True)
class Filter:
    """Which torrents are shown: words in the name, ``label:linux``, ``state:seeding``."""

    words: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Filter:
        """A filter of what somebody typed; a state that is none is a word."""
        parts: dict[str, list[str]] = {"": [], "label": [], "state": []}
        for word in text.casefold().split():
            kind, colon, value = word.partition(":")
            known = kind == "label" or (kind == "state" and value in STATES)
            if colon and known and value:
                parts[kind].append(value)
            else:
                parts[""].append(word)
        return cls(tuple(parts[""]), tuple(parts["label"]), tuple(parts["state"]))

    def matches(self, torrent: JsonObject) -> bool:
        """Whether all of it holds."""
        name = torrent["name"].casefold()
        labels = [label.casefold() for label in torrent["labels"]]
        return (
            all(word in name for word in self.words)
            and all(label in labels for label in self.labels)
            and all(STATES[state](torrent) for state in self.states)
        )


class TorrentList:
    """The torrents by their ids, and `shown`: the ids in the order they are shown in."""

    def __init__(self) -> None:
        self.torrents: dict[int, JsonObject] = {}
        self.shown: list[int] = []
        self.sort_by, self.reverse = "id", False
        self.filter = Filter()
        self._keys: dict[int, Any] = {}
        self._matching: set[int] = set()

    def replace(self, torrents: Iterable[JsonObject]) -> None:
        """These are all there are."""
        self.torrents = {torrent["id"]: torrent for torrent in torrents}
        self._judge_all()

    def update(self, torrents: Iterable[JsonObject], removed: Iterable[int]) -> None:
        """These changed, and these are gone."""
        changed = False
        for number in removed:
            if self.torrents.pop(number, None) is not None:
                self._keys.pop(number, None)
                self._matching.discard(number)
                changed = True
        for torrent in torrents:
            if self.torrents.get(torrent["id"]) != torrent:
                self.torrents[torrent["id"]] = torrent
                changed = self._judge(torrent) or changed
        if changed:
            self._arrange()

    def sort(self, column: str) -> None:
        """Sort by a column; by the one it is sorted by already, the other way round."""
        if column == self.sort_by:
            self.reverse = not self.reverse
        else:
            self.sort_by, self.reverse = column, column in LARGEST_FIRST
        self._judge_all()

    def choose(self, text: str) -> None:
        """Show what a filter lets through."""
        self.filter = Filter.parse(text)
        self._judge_all()

    def labels(self) -> list[str]:
        """All labels there are."""
        every = {label for torrent in self.torrents.values() for label in torrent["labels"]}
        return sorted(every, key=str.casefold)

    def _judge_all(self) -> None:
        self._keys, self._matching = {}, set()
        for torrent in self.torrents.values():
            self._judge(torrent)
        self._arrange()

    def _judge(self, torrent: JsonObject) -> bool:
        """Keep what it is sorted by and whether it is shown; answers whether that is news."""
        number = torrent["id"]
        before = self._keys.get(number), number in self._matching
        self._keys[number] = SORT_KEYS[self.sort_by](torrent)
        matches = self.filter.matches(torrent)
        (self._matching.add if matches else self._matching.discard)(number)
        return before != (self._keys[number], matches)

    def _arrange(self) -> None:
        # By id first: torrents that are alike stand in one order, whichever way it goes.
        numbers = sorted(self._matching)
        numbers.sort(key=self._keys.__getitem__, reverse=self.reverse)
        self.shown = numbers


def torrent_row(torrent: JsonObject, marked: bool = False) -> Row:
    """The cells of COLUMNS for a torrent."""
    colour, known = state_colour(torrent), has_metadata(torrent)
    checking = torrent["status"] == 2
    share = torrent["recheck_progress"] if checking else torrent["percent_done"]
    name = plain(torrent["name"], 300) or "?"
    number = f"{'●' * marked}{torrent['id']}"
    return Row(
        (
            cell(number, CARE if marked else QUIET),
            cell(name, CARE if marked else ""),
            (*bar(share, BAR_WIDTH, colour), (percent(share).rjust(7), "")),
            cell(size(torrent["size_when_done"]) if known else ""),
            cell(state_word(torrent), colour),
            cell(rate(torrent["rate_download"]), DOWN),
            cell(rate(torrent["rate_upload"]), UP),
            cell(duration(torrent["eta"])),
            cell(ratio(torrent["upload_ratio"])),
            cell(str(torrent["peers_connected"] or "")),
            cell(str(torrent["queue_position"]), QUIET),
            cell(plain(", ".join(torrent["labels"]), 100), QUIET),
        ),
        QUIET if torrent["status"] == 0 and not torrent["error"] else "",
    )


def state_word(torrent: JsonObject) -> str:
    """What a torrent is doing, in a word; errors come before all else."""
    if torrent["disk_state"] != "ok":
        return {"full": "disk full", "silent": "disk silent"}.get(torrent["disk_state"], "missing")
    if torrent["error"]:
        return "error"
    if torrent["move"]:
        return f"moving {percent(torrent['move']['progress'])}"
    word = status(torrent)
    return {"getting metadata": "metadata", "waiting to check": "to check"}.get(word, word)


def state_colour(torrent: JsonObject) -> str:
    """The colour of a torrent's state."""
    if torrent["error"]:
        return BAD
    if torrent["status"] in (0, 3, 5):
        return QUIET
    if torrent["status"] in (1, 2):
        return CARE
    return GOOD if torrent["status"] == 6 else DOWN
