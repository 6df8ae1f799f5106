"""rtorrent's session folder, and the line of .rtorrent.rc that says where it is."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from p2pd.base.errors import P2pdError
from p2pd.clients.importing import state_files
from p2pd.clients.importing.found import Found, config_home, data_home, found, home
from p2pd.formats.foreign import rtorrent
from p2pd.formats.foreign.model import ForeignGroup, ForeignTorrent

_SESSION = re.compile(r"^\s*session(?:\.path\.set)?\s*=\s*\"?([^\s\",]+)", re.MULTILINE)
MAX_CONFIGURATION = 1024 * 1024


def candidates(environ: Mapping[str, str]) -> list[Path]:
    """Where its configuration says, then where it usually is."""
    user = home(environ)
    places = [
        user / match[1].removeprefix("~/")
        for text in _configurations(environ)
        for match in _SESSION.finditer(text)
    ]
    return [
        *(place for place in places if "(" not in str(place)),
        user / ".session",
        user / ".rtorrent" / "session",
        user / "rtorrent" / ".session",
        user / ".rtorrent" / ".session",
        data_home(environ) / "rtorrent" / "session",
    ]


def belongs(folder: Path) -> Path | None:
    """The folder itself, or its session folder, if there are torrents in it."""
    for place in (folder, folder / ".session", folder / "session"):
        if os.access(place, os.R_OK | os.X_OK) and any(place.glob("*.torrent")):
            return place
    return None


def read_all(folder: Path) -> tuple[int, Iterator[Found]]:
    """All torrents. Raises P2pdError."""
    names, booted_at = state_files.names(folder, ".torrent"), _booted_at()
    return len(names), (
        found(name, functools.partial(_read, folder / f"{name}.torrent", booted_at))
        for name in names
    )


def _read(place: Path, booted_at: float) -> ForeignTorrent:
    torrent = state_files.read(place)
    kept = state_files.read_if_there(Path(f"{place}.rtorrent"))
    resume = state_files.read_if_there(Path(f"{place}.libtorrent_resume"))
    return rtorrent.read(
        torrent.data,
        None if kept is None else kept.data,
        None if resume is None else resume.data,
        (resume or torrent).saved_at,
        booted_at,
    )


def groups(folder: Path, environ: Mapping[str, str]) -> list[ForeignGroup]:
    """The throttles of the configuration: a session has only their names."""
    return rtorrent.read_throttles("\n".join(_configurations(environ)))


def _configurations(environ: Mapping[str, str]) -> list[str]:
    texts = []
    for rc in (home(environ) / ".rtorrent.rc", config_home(environ) / "rtorrent" / "rtorrent.rc"):
        try:
            file = state_files.read_if_there(rc, MAX_CONFIGURATION)
        except P2pdError:
            continue
        texts.append("" if file is None else file.data.decode("utf-8", "replace"))
    return texts


def _booted_at() -> float:
    """When the machine was started; long ahead if that cannot be told."""
    try:
        text = Path("/proc/stat").read_text()
        return float(re.findall(r"^btime (\d+)$", text, re.MULTILINE)[0])
    except (OSError, LookupError):
        return 2.0**40
