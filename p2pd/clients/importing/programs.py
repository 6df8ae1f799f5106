"""The programs that p2pctl can read: where each keeps its torrents, and how they are read.

A torrent that cannot be read is told with the reason, and does not keep the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from p2pd.base.errors import P2pdError
from p2pd.clients.importing import deluge_folder, qbittorrent_folder, rtorrent_folder
from p2pd.clients.importing import transmission_folder as transmission
from p2pd.clients.importing.found import Found
from p2pd.formats.foreign.model import ForeignGroup


def _no_groups(folder: Path, environ: Mapping[str, str]) -> Sequence[ForeignGroup]:
    return ()


@dataclass(frozen=True, slots=True)
class Program:
    """One program. `processes` are the beginnings of what its processes are called."""

    name: str
    processes: tuple[str, ...]
    candidates: Callable[[Mapping[str, str]], Sequence[Path]]
    """Folders where it usually keeps its state, by the environment."""
    belongs: Callable[[Path], Path | None]
    """The folder with its state that is meant by one, if there is any."""
    read: Callable[[Path], tuple[int, Iterator[Found]]]
    """How many torrents there are, and all of them, as they stand in its queue."""
    lock: str = ""
    """The file with the number of the process that uses the folder."""
    groups: Callable[[Path, Mapping[str, str]], Sequence[ForeignGroup]] = _no_groups
    """Its bandwidth groups, by its folder and the environment, as far as they can be read."""


class State(NamedTuple):
    """What a program keeps, found."""

    program: Program
    folder: Path


PROGRAMS = {
    program.name: program
    for program in (
        Program(
            "transmission",
            ("transmission-",),
            transmission.candidates,
            transmission.belongs,
            transmission.read_all,
            groups=transmission.groups,
        ),
        Program(
            "qbittorrent",
            ("qbittorrent",),
            qbittorrent_folder.candidates,
            qbittorrent_folder.belongs,
            qbittorrent_folder.read_all,
            lock="lockfile",
        ),
        Program(
            "deluge",
            ("deluge",),
            deluge_folder.candidates,
            deluge_folder.belongs,
            deluge_folder.read_all,
            lock="deluged.pid",
        ),
        Program(
            "rtorrent",
            ("rtorrent",),
            rtorrent_folder.candidates,
            rtorrent_folder.belongs,
            rtorrent_folder.read_all,
            lock="rtorrent.lock",
            groups=rtorrent_folder.groups,
        ),
    )
}


def find_state(name: str, folder: str | None, environ: Mapping[str, str]) -> State:
    """What a program keeps, in the folder or where it usually is. Raises P2pdError."""
    program = PROGRAMS[name]
    places = [Path(folder)] if folder is not None else list(program.candidates(environ))
    for place in places:
        found = program.belongs(place)
        if found is not None:
            return State(program, found)
    if folder is not None:
        raise P2pdError(f"{folder} holds no torrents of {name}, as far as they can be read")
    looked = ", ".join(map(str, places))
    raise P2pdError(f"no torrents of {name} were found in {looked}: name its folder")
