"""What a source of peers tells of itself for one torrent, and what sources know of torrents.

Every source is registered at the session (`discovery`); readers see what each of them says. Nothing
is found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from p2pd.base.ids import InfoHashes

TRACKER = "tracker"
INCOMING = "incoming"
"""It dialled us, and nobody had told of it."""
DHT = "dht"
PEX = "pex"
LSD = "lsd"
MAGNET = "magnet"
"""Named in the link (`x.pe`, BEP 9)."""
MANUAL = "manual"
"""A client of the control API told of it."""
RESUME = "resume"
"""It was good to this torrent before a restart."""
CATCHER = "catcher"
"""It was good to another torrent."""

IS_PRIVATE = "the torrent is private"
"""What sources that BEP 27 rules out say of a private torrent."""
HAS_SECRET = "the torrent has a secret, and nobody is told of it who may not know that"
"""What sources say that would tell strangers of a torrent."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source and one torrent; times are Unix seconds, None where there was or will be none.

    `enabled` is whether the source is asked for this torrent while that runs, else `why_not` has
    the reason in words. `found` are the addresses that the torrent knows now and that the source
    told of; `error` is empty when the last time went well.
    """

    name: str
    enabled: bool = True
    why_not: str = ""
    found: int = 0
    last_at: float | None = None
    next_at: float | None = None
    error: str = ""


class DiscoveredTorrent(Protocol):
    """A torrent that looks for peers, as far as sources have to know it."""

    info_hashes: InfoHashes
    running: bool

    @property
    def private(self) -> bool:
        """Whether its tracker alone may tell of peers (BEP 27)."""

    @property
    def may_be_private(self) -> bool:
        """The same, also of one whose torrent file was not read yet."""

    @property
    def trackers(self) -> Any:
        """Its trackers, whose `announcer` has their states."""

    def found_by(self, source: str) -> int:
        """How many of the addresses that it knows the source told of."""

    def told_at(self, source: str) -> float | None:
        """When the source told of addresses last, in Unix seconds; None if it did not."""


class DiscoverySource(Protocol):
    """A way to find peers, for all torrents of a session."""

    @property
    def name(self) -> str:
        """The name that its addresses come in with."""

    def report(self, torrent: Any) -> SourceReport:
        """How it is doing for a torrent (DiscoveredTorrent); asked often, so it costs little.

        When what it says has changed, the torrent's `discovery_changed` is called.
        """
