"""What a torrent is to give as a seed, for readers."""

from __future__ import annotations

from typing import Any, Protocol

from p2pd.swarm.share_limits import LimitsInForce, SeedState, ShareLimits


class SharingView(Protocol):
    """See torrent_sharing.TorrentSharing."""

    @property
    def own(self) -> ShareLimits: ...
    @property
    def in_force(self) -> LimitsInForce: ...
    @property
    def reached(self) -> tuple[str, ...]: ...
    @property
    def is_finished(self) -> bool: ...
    @property
    def state(self) -> SeedState: ...
    @property
    def eta(self) -> int: ...
    @property
    def eta_idle(self) -> int: ...


class SharingApi(Protocol):
    """What is asked of the session when limits are reached."""

    def mark_reached(self, torrent: Any, kinds: tuple[str, ...]) -> None:
        """These limits of a torrent were acted on; kept with what is recorded of it next."""
