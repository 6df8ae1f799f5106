"""What callers ask of torrents: to add one, to change one, and why one is not added."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping

from p2pd.base.errors import P2pdError
from p2pd.base.ids import InfoHashes
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import ORIGINAL
from p2pd.session.settings.session_settings import AS_SESSION
from p2pd.swarm.deadlines import DeadlineWindow
from p2pd.swarm.share_limits import ShareLimits


class AddProblem(enum.Enum):
    """Why a torrent was not added."""

    UNRECOGNIZED = "unrecognized"
    CORRUPT = "corrupt"
    PATH = "path"
    SYSTEM = "system"


class AddTorrentError(P2pdError):
    """A torrent that cannot be added: the sentence says why, `problem` which kind it is."""

    def __init__(self, problem: AddProblem, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = problem


class PieceIndexError(P2pdError):
    """A torrent has no such piece; the sentence says how many it has."""


def check_pieces(layout: FileLayout, name: str, needed: int) -> None:
    """Raise PieceIndexError if a torrent has fewer pieces than are needed for a request."""
    if needed > layout.piece_count:
        raise PieceIndexError(f"{name} has {layout.piece_count} pieces")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A torrent that is about to be added, or to be found here."""

    info_hashes: InfoHashes
    wanted: int | None
    """Bytes of the files that are wanted; None: they are not known yet."""


Judge = Callable[[Candidate], None]


@dataclass(frozen=True, slots=True)
class AddTorrent:
    """What to add: exactly one of `torrent` (the file's bytes) and `magnet` (a link).

    Where there is a setting for added torrents, None leaves it to that.
    """

    torrent: bytes | None = None
    magnet: str | None = None
    download_dir: str | None = None
    paused: bool | None = None
    metadata_only: bool = False
    """To be paused as soon as it is known what its files are."""
    labels: tuple[str, ...] = ()
    name: str = ""
    """What its file or folder is called; empty: as in the torrent."""
    content_layout: str = ORIGINAL
    """One of formats.file_names.LAYOUTS."""
    find_data: str | None = None
    """One of session_settings.FIND_DATA: of a .torrent, whose files are known."""
    owner: str = ""
    secret: str = field(default="", repr=False)
    """That of its swarm, or a passphrase for one; empty: the torrent is for everybody."""
    secret_of: int | None = None
    """Or the torrent with this id, whose secret it is to have; where that one's peers have to have
    certificates its own have to, too."""
    apart: str = ""
    """Of the folder for incomplete torrents the one in it where it begins; empty: it itself."""
    judge: Judge | None = field(default=None, compare=False, repr=False)
    """Asked before anything is done; what it raises refuses the torrent."""
    sequential: bool | None = None
    sequential_from: int = 0
    """The piece that is the first then."""
    super_seeding: str | None = None
    """One of swarm.super_seeding.MODES."""
    trusted_only: bool = False
    """Whether only nodes that the user trusts are let in."""
    seed_choking: str = AS_SESSION
    """One of session_settings.TORRENT_SEEDING_MODES."""
    peer_limit: int | None = None
    queue_position: int | None = None
    """How many stand before it in the queue; None: it comes last."""
    bandwidth_group: str = ""
    """The name of one, which is made if it is not there; empty: none."""
    bandwidth_priority: int = 0
    """-1 low, 1 high."""
    download_limit: int | None = None
    """In kB/s, as `upload_limit`; None: it has none."""
    upload_limit: int | None = None
    honors_session_limits: bool = True
    share_limits: ShareLimits | None = None
    files_wanted: tuple[int, ...] | None = None
    files_unwanted: tuple[int, ...] | None = None
    priority_high: tuple[int, ...] = ()
    priority_low: tuple[int, ...] = ()
    priority_normal: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TorrentChanges:
    """What to change on a torrent; None leaves a thing as it is.

    File indices are into `files`; none of them stands for all.
    """

    files_wanted: tuple[int, ...] | None = None
    files_unwanted: tuple[int, ...] | None = None
    priority_high: tuple[int, ...] | None = None
    priority_normal: tuple[int, ...] | None = None
    priority_low: tuple[int, ...] | None = None
    sequential: bool | None = None
    sequential_from: int | None = None
    super_seeding: str | None = None
    trusted_only: bool | None = None
    seed_choking: str | None = None
    peer_limit: int | None = None
    queue_position: int | None = None
    bandwidth_group: str | None = None
    """The name of one, which is made if it is not there; empty: none."""
    bandwidth_priority: int | None = None
    labels: tuple[str, ...] | None = None
    owner: str | None = None
    secret: str | None = field(default=None, repr=False)
    """That of its swarm, or a passphrase for one; empty: it is for everybody from now on."""
    download_limit: int | None = None
    """In kB/s, as `upload_limit`; each counts while its `limited` is set."""
    download_limited: bool | None = None
    upload_limit: int | None = None
    upload_limited: bool | None = None
    honors_session_limits: bool | None = None
    share_limits: Mapping[str, Any] | None = None
    """Attributes of ShareLimits; those that are not there stay as they are."""
    tracker_tiers: tuple[tuple[str, ...], ...] | None = None
    web_seeds: tuple[str, ...] | None = None
    """Those of BEP 19; they take the place of all that it has."""
    http_seeds: tuple[str, ...] | None = None
    """The same of those of BEP 17."""
    deadlines: tuple[DeadlineWindow, ...] | None = None
