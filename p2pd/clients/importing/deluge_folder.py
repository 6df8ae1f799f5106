"""Deluge's folder: state/ with its torrents, and label.conf."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from p2pd.base.errors import P2pdError
from p2pd.clients.importing import state_files
from p2pd.clients.importing.found import Found, config_home, found
from p2pd.formats.foreign import deluge
from p2pd.formats.foreign.model import ForeignTorrent

STATE = "torrents.state"
RESUME = "torrents.fastresume"


def candidates(environ: Mapping[str, str]) -> list[Path]:
    """Where it usually is: of users, and of packages of its daemon."""
    return [
        config_home(environ) / "deluge",
        Path("/var/lib/deluged/config"),
        Path("/var/lib/deluge/.config/deluge"),
    ]


def belongs(folder: Path) -> Path | None:
    """The folder itself, if there are torrents in it."""
    place = folder.parent if folder.name == "state" else folder
    return place if os.access(place / "state" / STATE, os.R_OK) else None


def read_all(folder: Path) -> tuple[int, Iterator[Found]]:
    """All torrents. Raises P2pdError."""
    torrents = deluge.read_state(state_files.read(folder / "state" / STATE).data)
    problems: list[str] = []
    resume, saved_at = _resume(folder, problems)
    labels = _labels(folder, problems)

    def read(choices: deluge.Choices) -> ForeignTorrent:
        name = choices.info_hash
        torrent = state_files.read_if_there(folder / "state" / f"{name}.torrent")
        data = None if torrent is None else torrent.data
        one = deluge.read(choices, resume.get(name), data, labels.get(name, ""), saved_at)
        one.left_out += problems
        return one

    return len(torrents), (
        found(choices.info_hash, functools.partial(read, choices)) for choices in torrents
    )


def _resume(folder: Path, problems: list[str]) -> tuple[dict[str, bytes], float]:
    """What it knows of the progress; nothing, and a problem more, if that cannot be read."""
    try:
        file = state_files.read(folder / "state" / RESUME)
        return deluge.read_fastresume(file.data), file.saved_at
    except P2pdError as problem:
        problems.append(f"its totals and progress ({problem})")
        return {}, 0.0


def _labels(folder: Path, problems: list[str]) -> dict[str, str]:
    try:
        file = state_files.read_if_there(folder / "label.conf")
        return {} if file is None else deluge.read_labels(file.data)
    except P2pdError as problem:
        problems.append(f"its label ({problem})")
        return {}
