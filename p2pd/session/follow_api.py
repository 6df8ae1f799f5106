"""What control may ask of what changes: part of the facade (api.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Protocol, Sequence

from p2pd.session.session_events import SessionEvents

if TYPE_CHECKING:  # which names this
    from p2pd.session.api import TorrentView


class SeenChanges(NamedTuple):
    """What is not as it was at the last look."""

    torrents: Sequence[TorrentView]
    removed: Sequence[int]
    everything: bool
    """Whether any other torrent may have changed, too: a setting for all did."""


class FollowApi(Protocol):
    """Collects what changes."""

    def take(self) -> SeenChanges:
        """What changed since this was asked last."""

    def close(self) -> None:
        """Collect no more."""


class FollowingApi(Protocol):
    """What a session offers to those who follow it."""

    @property
    def events(self) -> SessionEvents:
        """What happens to torrents."""

    def follow(self, wake: Callable[[], object]) -> FollowApi:
        """Collect what changes from now on; nothing is asked of torrents that do not.

        `wake` is called for the first change after a look, in the middle of it. What time alone
        changes is no change: rates that sink, seconds that are counted.
        """

    def at_rest(self, torrent: TorrentView) -> TorrentView | None:
        """The same torrent, to be read in this turn of the reactor; None if it does anything.

        But for what time alone changes, what it shows lasts until those who follow hear that it
        changed.
        """
