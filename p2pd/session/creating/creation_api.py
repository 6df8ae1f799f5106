"""What control asks of torrents in the making: a part of the facade in api.py."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Awaitable, Callable, Protocol, Sequence

from p2pd.formats.creator import CreationOptions
from p2pd.session.importing.import_requests import ImportedTorrent, ImportTorrent

TakeIn = Callable[[ImportTorrent], Awaitable[ImportedTorrent]]


class TaskState(enum.StrEnum):
    """How far a task is; the words are the API's."""

    WAITING = "waiting"
    HASHING = "hashing"
    ADDING = "adding"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class CreateTorrent:
    """Of what a torrent is to be made, how, and what to do with it."""

    path: str
    options: CreationOptions
    add: bool = False
    """Whether to seed it from where it is, without a check."""
    paused: bool | None = None
    labels: tuple[str, ...] = ()
    take_in: TakeIn | None = field(default=None, compare=False, repr=False)
    """Who adds it then, in the name of whoever asked; None: the session, as nobody's."""


@dataclass(frozen=True, slots=True)
class CreatedTorrent:
    """What came of a task."""

    torrent: bytes
    name: str
    hash_string: str
    magnet_link: str
    piece_length: int


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task for readers: bytes, bytes per second, Unix seconds."""

    id: int
    path: str
    state: TaskState
    problem: str
    began_at: float
    done: int
    total: int
    """0 while it is not known."""
    rate: float
    seconds_left: int
    """-1 while nobody knows."""
    created: CreatedTorrent | None
    torrent_id: int | None
    """Of the torrent that was added, or was here."""


class CreatingApi(Protocol):
    """Makes torrents of what is in the download folder or another one with content."""

    async def create(self, request: CreateTorrent) -> int:
        """Begin; the number of the task. Raises P2pdError."""

    def tasks(self) -> Sequence[TaskView]:
        """All that are under way, and the latest that are over."""

    def cancel(self, number: int) -> bool:
        """End a task, or forget one that is over; whether there was one."""
