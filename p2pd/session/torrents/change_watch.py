"""What changed since somebody looked: collected as it happens, so that to follow costs only that.

Whoever follows is woken once, by the first change after a look, and takes all when it likes.
"""

from __future__ import annotations

from typing import Callable, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Changed(NamedTuple, Generic[T]):
    """What is not as it was at the last look."""

    torrents: list[T]
    """Each once, also those that are new."""
    gone: list[T]
    everything: bool
    """Whether any other may have changed, too: a setting for all did."""


class ChangeWatch(Generic[T]):
    """Of one who follows."""

    def __init__(self, wake: Callable[[], object]) -> None:
        """`wake` is called in the middle of what changes things: it is to look later."""
        self._wake = wake
        self._torrents: dict[T, None] = {}
        self._gone: dict[T, None] = {}
        self._everything = False
        self._quiet = True

    def note(self, torrent: T) -> None:
        """It changed, or is new."""
        self._torrents[torrent] = None
        self._stir()

    def note_gone(self, torrent: T) -> None:
        """It is not there any more."""
        self._torrents.pop(torrent, None)
        self._gone[torrent] = None
        self._stir()

    def note_everything(self) -> None:
        """A setting changed that shows in all of them."""
        self._everything = True
        self._stir()

    def take(self) -> Changed[T]:
        """What changed since this was asked last."""
        found = Changed(list(self._torrents), list(self._gone), self._everything)
        self._torrents.clear()
        self._gone.clear()
        self._everything, self._quiet = False, True
        return found

    def _stir(self) -> None:
        if self._quiet:
            self._quiet = False
            self._wake()
