"""Follows the daemon over /rpc/events in a thread of its own, and keeps a copy of what it is told.

Who looks takes what came since, without asking the daemon. While there is no connection, or the
daemon has no room for one, there is nothing to take, and it has to be asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiError, JsonObject
from p2pd.clients.event_stream import EventStream

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a connection is made again; one that was refused is tried after the longest."""

RESYNC = "events_resync"


class Changes(NamedTuple):
    """What came since the last time, put together."""

    torrents: list[JsonObject]
    removed: list[int]
    whole: bool
    """Whether these torrents are all there are."""
    statistics: JsonObject
    session: JsonObject


class Follower:
    """`run` is the thread's; all else may be called by others."""

    def __init__(self, connect: Callable[[], EventStream], wanted: JsonObject) -> None:
        """`wanted` are the params of events_subscribe."""
        self._connect = connect
        self._wanted = wanted
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._stream: EventStream | None = None
        self._in_step = self._resyncing = False
        self._whole = True
        self._rows: dict[int, JsonObject] = {}
        self._changed: set[int] = set()
        self._removed: set[int] = set()
        self._facts: dict[str, JsonObject] = {"session": {}, "statistics": {}}

    def take(self, *, everything: bool = False) -> Changes | None:
        """What came since, or all there is; None if the copy is not in step with the daemon."""
        with self._lock:
            if not self._in_step:
                return None
            whole = self._whole or everything
            ids = self._rows.keys() if whole else self._changed
            found = Changes(
                [self._rows[id_] for id_ in ids],
                [] if whole else sorted(self._removed),
                whole,
                dict(self._facts["statistics"]),
                dict(self._facts["session"]),
            )
            self._whole = False
            self._changed, self._removed = set(), set()
            return found

    def end(self) -> None:
        """Have `run` return."""
        self._ended.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def run(self) -> None:
        """Follow until the end, over one connection after the other."""
        pause = FIRST_PAUSE
        while not self._ended.is_set():
            try:
                self._follow()
            except ApiError:
                pause = LONGEST_PAUSE  # an older daemon, or one that has no room for more
            except (P2pdError, LookupError, TypeError, AttributeError):
                pause = FIRST_PAUSE if self._in_step else min(LONGEST_PAUSE, 2 * pause)
            finally:
                self._forget()
            self._ended.wait(pause)

    def _follow(self) -> None:
        with closing(self._connect()) as stream:
            self._stream = stream
            stream.call("events_subscribe", **self._wanted)
            for method, params in stream.told():
                if self._ended.is_set():
                    return
                self.told(method, params)

    def told(self, method: str, params: JsonObject) -> None:
        """Put what came over what is known."""
        with self._lock:
            if method == RESYNC and not self._resyncing:
                self._rows, self._changed, self._removed = {}, set(), set()
                self._facts = {"session": {}, "statistics": {}}
                self._in_step, self._whole, self._resyncing = False, True, True
            for row in params.get("torrents", ()):
                number = row["id"]
                self._rows[number] = {**self._rows.get(number, {}), **row}
                self._changed.add(number)
                self._removed.discard(number)
            for number in params.get("removed", ()):
                self._rows.pop(number, None)
                self._changed.discard(number)
                self._removed.add(number)
            for kind, known in self._facts.items():
                known.update(params.get(kind, {}))
            if not params.get("more"):
                self._in_step, self._resyncing = True, False

    def _forget(self) -> None:
        with self._lock:
            self._stream = None
            self._in_step, self._whole, self._resyncing = False, True, False
