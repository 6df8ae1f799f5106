"""What control may ask of what changes: part of the facade (api.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Hashable, NamedTuple, Protocol, Sequence

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


class ReaderApi(Protocol):
    """Reads the same attributes of many torrents at rest."""

    def read(self, torrent: TorrentView) -> tuple[Hashable, tuple[Any, ...]] | None:
        """Its state and its attributes, and more behind them; None if it does anything or is moved.

        Torrents that are in the same state agree in `status`, `disk_state`, `trouble`,
        `error_string`, the rates, whether there are limits to what they give, and in all that
        there is of peers and of progress but for the sizes.
        """


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

    def reader_at_rest(self, attributes: Sequence[str]) -> ReaderApi:
        """Reads these of torrents at rest (`TorrentView`; dotted, what is in what these have)."""
