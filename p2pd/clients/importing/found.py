"""A torrent of another program that was found, read or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from p2pd.base.errors import P2pdError
from p2pd.formats.foreign.model import ForeignTorrent


class Found(NamedTuple):
    """What it is called by, and what was read or why that could not be."""

    name: str
    torrent: ForeignTorrent | None
    problem: str = ""


def found(name: str, read: Callable[[], ForeignTorrent]) -> Found:
    """Read a torrent."""
    try:
        torrent = read()
    except P2pdError as problem:
        return Found(name, None, str(problem))
    if not torrent.folder.startswith("/"):
        return Found(torrent.name, None, f"its folder is not known ({torrent.folder[:200]!r})")
    return Found(torrent.name, torrent)


def in_queue(names: Sequence[str], queue: Sequence[str]) -> list[str]:
    """The names as a queue has them; those that do not stand in it come last, as they are."""
    places = {name: place for place, name in enumerate(queue)}
    return sorted(names, key=lambda name: places.get(name, len(places)))


def home(environ: Mapping[str, str]) -> Path:
    """The user's folder."""
    return Path(environ.get("HOME") or "/")


def config_home(environ: Mapping[str, str]) -> Path:
    """Where programs keep what a user set (XDG)."""
    return Path(environ.get("XDG_CONFIG_HOME") or home(environ) / ".config")


def data_home(environ: Mapping[str, str]) -> Path:
    """Where programs keep a user's data (XDG)."""
    return Path(environ.get("XDG_DATA_HOME") or home(environ) / ".local" / "share")
