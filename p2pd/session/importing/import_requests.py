"""What callers ask of an import: a torrent with what another program knew of it, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from p2pd.base.addresses import PeerAddress
from p2pd.session.torrents.torrent_requests import AddTorrent


@dataclass(frozen=True, slots=True)
class ImportTorrent:
    """A torrent as another program had it. Times are Unix seconds, sizes bytes."""

    add: AddTorrent
    """What to add, and what the user chose."""
    trial: bool = False
    """Only say what would become of it."""
    pieces: bytes | None = None
    """The bitfield of what the program had verified; None where it did not know."""
    is_whole: bool = False
    """Whether everything is said to be there."""
    file_times: tuple[int | None, ...] | None = None
    """For each visible file the latest time of change with which its pieces are believed."""
    exact_times: bool = False
    """Whether the time has to be just that one."""
    changed_before: int | None = None
    """The same for files that have no time of their own."""
    final_dir: str = ""
    """Where it goes when it is complete; empty: it stays."""
    file_names: tuple[str, ...] = ()
    """For each visible file its path below the folder, empty for the one in the torrent; none at
    all if that holds for every file."""
    partial_suffix: str = ""
    """What stands behind the names of files that are not complete."""
    peers: tuple[PeerAddress, ...] = ()
    uploaded: int = 0
    downloaded: int = 0
    corrupt: int = 0
    added_at: float = 0.0
    completed_at: float = 0.0
    active_at: float = 0.0
    seconds_downloading: int = 0
    seconds_seeding: int = 0


@dataclass(frozen=True, slots=True)
class Believed:
    """What is believed of the pieces that the program had: counts of pieces."""

    claimed: int = 0
    believed: int = 0
    to_check: int = 0
    """Of files that changed since, or had no such piece."""
    missing: int = 0
    """Those that lie in a file that is not there."""


@dataclass(frozen=True, slots=True)
class ImportedTorrent:
    """What became of it, or would: `id` is 0 if it is not here."""

    id: int
    name: str
    hash_string: str
    duplicate: bool = False
    """It was here, and stays as it was."""
    paused: bool = False
    pieces: Believed = Believed()
    problem: str = ""
    """Why it is not started, in words."""


class ImportApi(Protocol):
    """What control asks for imports."""

    async def import_torrent(self, request: ImportTorrent) -> ImportedTorrent:
        """Add a torrent that another program had, or find it there.

        Raises P2pdError if its data is not there, AddTorrentError, IndexError for a file index.
        """
