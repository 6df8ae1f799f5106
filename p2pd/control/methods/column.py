"""A field of torrents as it is shown: what it takes, and how long it stays what it is."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from p2pd.session.api import TorrentView

Getter = Callable[[TorrentView, float], Any]
"""Takes a torrent and the wall clock's time in Unix seconds."""


class Shown:
    """The getter for what attributes of a torrent alone tell: they may be read in other ways.

    `attributes` may be dotted. `show` makes of them what is shown; None: the one there is.
    """

    __slots__ = ("_read", "attributes", "show")

    def __init__(self, *attributes: str, show: Callable[..., Any] | None = None) -> None:
        self.attributes = attributes
        self.show = show
        self._read = attrgetter(*attributes)

    def __call__(self, torrent: TorrentView, now: float) -> Any:
        """As any getter."""
        found = self._read(torrent)
        if self.show is None:
            return found
        return self.show(found) if len(self.attributes) == 1 else self.show(*found)


class Column(NamedTuple):
    """A field of torrents as it is shown."""

    name: str
    get: Getter
    of_files: bool = False
    """Whether it takes the files of a torrent, which one at rest does not have in memory."""
    lasts: bool = False
    """Whether of a torrent at rest (FollowingApi.at_rest) it is the same until that is noted to
    have changed: neither time nor what happens to other torrents makes it another.
    """
    stays: Callable[[TorrentView], bool] | None = None
    """Of one that does not last: of which torrents it does all the same, as long as they rest. All
    in the same state (follow_api.ReaderApi) agree in that, and then in what is shown.
    """
    shared: bool = False
    """Of one that lasts: whether all torrents at rest in the same state show the same."""
