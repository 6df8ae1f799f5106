"""Being told of changes in folders, where the system does that: inotify, on Linux and local disks.

Notices only make a look come sooner. Where there are none, folders are looked at now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

MOST = 2000
"""Folders with notices: the system has a bound, too."""


class Notices:
    """Calls `changed` when something changes in one of the folders that `follow` was told of."""

    def __init__(self, reactor: Any, changed: Callable[[], object]) -> None:
        self._reactor = reactor
        self._changed = changed
        self._notifier: Any = None
        self._followed: set[str] = set()

    def begin(self) -> None:
        """In the reactor's thread, before `follow`: have a notifier, if there can be one."""
        if self._notifier is None:
            with suppress(ImportError, OSError, AttributeError):
                self._notifier = _notifier(self._reactor, self._lost)
                self._followed.clear()

    def follow(self, folders: Iterable[str]) -> None:
        """Hear of these, too. May wait for a disk: for a thread."""
        notifier, new = self._notifier, [each for each in folders if each not in self._followed]
        if notifier is None:
            return
        from twisted.internet import inotify

        mask = (
            inotify.IN_CLOSE_WRITE | inotify.IN_MOVED_TO | inotify.IN_CREATE
            | inotify.IN_ONLYDIR | inotify.IN_DONT_FOLLOW
        )  # fmt: skip
        for folder in new[: max(0, MOST - len(self._followed))]:
            with suppress(inotify.INotifyError):
                notifier.watch(FilePath(folder), mask, callbacks=[self._heard])
                self._followed.add(folder)

    def end(self) -> None:
        """Hear of nothing any more."""
        notifier, self._notifier = self._notifier, None
        if notifier is not None:
            notifier.loseConnection()

    def _heard(self, ignored: object, path: object, mask: int) -> None:
        self._changed()

    def _lost(self) -> None:
        """It ends when one of the folders is deleted: another one is begun with the next look."""
        if self._notifier is not None:
            self._notifier = None
            self._changed()


def _notifier(reactor: Any, lost: Callable[[], None]) -> Any:
    """Raises ImportError, OSError or AttributeError where the system has none."""
    from twisted.internet import inotify

    class Notifier(inotify.INotify):
        """Says when it ended."""

        def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
            super().connectionLost(reason)
            lost()

    try:
        notifier = Notifier(reactor)
    except inotify.INotifyError as problem:
        raise OSError(str(problem)) from None
    notifier.startReading()
    return notifier
