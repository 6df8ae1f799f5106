"""A torrent whose owner names the newest of it in the DHT: what is kept of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Mapping

from p2pd.base.errors import FormatError
from p2pd.discovery.dht.mutable_items import MutableItem
from p2pd.formats.mutable_link import MutableLink, parse_mutable_link
from p2pd.state.noted_rows import NotedRow

CHECK_SECONDS = 1800.0
"""Between two questions whether there is a newer one."""

RETRY_SECONDS = 120.0
"""After nobody could be asked, or knew of it, or the torrent could not be added."""

PUT_SECONDS = 3600.0
"""Who follows keeps the item alive, too (BEP 46): it is forgotten after two hours."""

WAS_REMOVED = "its torrent was removed here, so no newer one is added"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user said: the link, and how its torrents are added."""

    link: str
    download_dir: str = ""
    labels: tuple[str, ...] = ()
    paused: bool | None = None
    owner: str = ""
    """Whose torrents they are."""


@dataclass(frozen=True, slots=True)
class Note:
    """What came of it; the item is as it was found, times are Unix seconds, 0 for never."""

    seq: int = -1
    value: str = ""
    signature: str = ""
    info_hash: str = ""
    """Of the torrent that is here; empty: none was added yet."""
    added: bool = True
    """Whether it came by this, so that it goes when there is a newer one."""
    checked_at: float = 0.0
    tried_at: float = 0.0
    changed_at: float = 0.0
    put_at: float = 0.0
    problem: str = ""


@dataclass(slots=True)
class FollowedTorrent:
    """One of them."""

    id: int
    choice: Choice
    link: MutableLink
    note: Note
    busy: bool = False
    not_before: float = 0.0
    """Unix seconds, before which it is not asked about by itself."""

    @property
    def key(self) -> tuple[bytes, bytes]:
        """Whose, and which of theirs."""
        return self.link.public_key, self.link.salt

    @property
    def item(self) -> MutableItem | None:
        """The newest that was found."""
        if self.note.seq < 0:
            return None
        value, signature = bytes.fromhex(self.note.value), bytes.fromhex(self.note.signature)
        return MutableItem(self.link.public_key, self.note.seq, value, signature, self.link.salt)

    def next_at(self) -> float:
        """When it is asked about next."""
        failed = self.note.problem not in ("", WAS_REMOVED)
        due = self.note.tried_at + (RETRY_SECONDS if failed else CHECK_SECONDS)
        return max(due, self.not_before)

    def noted(self, **changes: Any) -> None:
        """Something came of it."""
        self.note = replace(self.note, **changes)

    def row(self) -> NotedRow:
        """For keeping it."""
        return NotedRow(self.id, asdict(self.choice), asdict(self.note))


def followed_of(row: NotedRow) -> FollowedTorrent | None:
    """One that was kept; None if it makes no sense any more."""
    try:
        choice = Choice(**_known(Choice, row.chosen))
        choice = replace(choice, labels=tuple(choice.labels))
        note = Note(**_known(Note, row.note))
        link = parse_mutable_link(choice.link)
        found = None if link is None else FollowedTorrent(row.id, choice, link, note)
        if found is not None and (item := found.item) is not None and not item.verify():
            found.noted(seq=-1, value="", signature="")
        return found
    except (FormatError, TypeError, ValueError):
        return None


def _known(kind: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in kind.__slots__ if name in values}
