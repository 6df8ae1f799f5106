"""What happened to torrents, told to those who listen: clients that follow, hooks, share limits.

An event is told in a turn of its own, after what caused it: a listener may stop or remove the very
torrent. Nothing is kept for who comes later, and while nobody listens nothing is made; but while
the daemon starts, what happens waits until all who are to hear of it listen.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Mapping, Protocol
from urllib.parse import urlsplit

from twisted.logger import Logger

from p2pd.base.clock import Clock, DelayedCall


class EventKind(enum.StrEnum):
    """What may happen to a torrent; the words are the control API's."""

    ADDED = "added"
    REMOVED = "removed"
    METADATA = "metadata"
    """Of a magnet came, so that its files are known."""
    STARTED = "started"
    STOPPED = "stopped"
    DONE = "done"
    """All that is wanted of it is here, and was not before."""
    CHECKED = "checked"
    ERROR = "error"
    MISSING = "missing"
    """Its data is not there."""
    BACK = "back"
    """It is there again."""
    MOVED = "moved"
    LABELS = "labels"
    RATIO_REACHED = "ratio_reached"
    IDLE_REACHED = "idle_reached"
    TIME_REACHED = "time_reached"
    """It was a seed for long enough."""
    CERTIFICATE = "certificate"
    """One by which its peers are reached ends soon, has ended, or is revoked."""


@dataclass(frozen=True, slots=True)
class TorrentEvent:
    """Something that happened to a torrent, which may be gone when this is read."""

    kind: EventKind
    torrent_id: int
    hash_string: str
    name: str
    at: float
    """Unix seconds."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What JSON can say; which keys there are depends on the kind (docs/api.rst)."""


class EventSubject(Protocol):
    """A torrent, as far as an event names it."""

    @property
    def id(self) -> int: ...
    @property
    def hash_string(self) -> str: ...
    @property
    def name(self) -> str: ...


class Teller(Protocol):
    """Tells what happens to one torrent."""

    def tell(self, kind: EventKind, **detail: Any) -> None:
        """Something happened to it."""


MOST_HELD = 20_000
"""Events of a start; later ones are lost."""

Listener = Callable[[TorrentEvent], object]


class SessionEvents:
    """Tells each event once to everybody who listens when it is told."""

    log = Logger()

    def __init__(self, clock: Clock, wall: Callable[[], float]) -> None:
        self._clock = clock
        self._wall = wall
        self._listeners: dict[object, Listener] = {}
        self._waiting: list[TorrentEvent] = []
        self._call: DelayedCall | None = None
        self._held = False

    def hold(self) -> None:
        """Who is to hear of it does not listen yet: what happens waits."""
        self._held = True

    def release(self) -> None:
        """They listen."""
        self._held = False
        if self._waiting and self._call is None:
            self._call = self._clock.callLater(0, self._tell)

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Have it called with every event from now on; what is returned ends that."""
        key = object()
        self._listeners[key] = callback

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def emit(
        self, kind: EventKind, torrent: EventSubject, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Something happened to a torrent: listeners hear of it in a turn of their own."""
        if self._held:
            if len(self._waiting) >= MOST_HELD:
                return
        elif not self._listeners:
            return
        event = TorrentEvent(
            kind, torrent.id, torrent.hash_string, torrent.name, self._wall(), detail or {}
        )
        self._waiting.append(event)
        if self._call is None and not self._held:
            self._call = self._clock.callLater(0, self._tell)

    def close(self) -> None:
        """The session ends: what waits is told at once, and nothing after it."""
        self.release()
        if self._call is not None:
            self._call.cancel()
            self._tell()
        self._listeners.clear()

    def _tell(self) -> None:
        self._call = None
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            for key, callback in list(self._listeners.items()):
                if key in self._listeners:
                    self._tell_one(callback, event)

    def _tell_one(self, callback: Listener, event: TorrentEvent) -> None:
        try:
            callback(event)
        except Exception:
            # It is the listener's trouble, and nobody else's.
            self.log.failure("nobody saw to {kind} of {name}", kind=event.kind, name=event.name)


def hosts_of(urls: Iterable[str]) -> list[str]:
    """The hosts of trackers' URLs, each once."""
    found: dict[str, None] = {}
    for url in urls:
        try:
            host = urlsplit(url).hostname
        except ValueError:
            host = None
        if host:
            found[host.lower()] = None
    return list(found)
