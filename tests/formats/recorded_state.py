"""The state that real programs left, read: by program, each torrent by its name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from p2pd.formats.foreign import deluge, qbittorrent, rtorrent, transmission
from p2pd.formats.foreign.model import ForeignTorrent

RECORDED = Path(__file__).parent / "recorded"
SAVED_AT = 1_800_000_000.0


def transmission_torrents() -> Iterator[ForeignTorrent]:
    for path in sorted((RECORDED / "transmission" / "resume").iterdir()):
        torrent = RECORDED / "transmission" / "torrents" / f"{path.stem}.torrent"
        yield transmission.read(path.read_bytes(), torrent.read_bytes(), SAVED_AT)


def qbittorrent_torrents() -> Iterator[ForeignTorrent]:
    for path in sorted((RECORDED / "qbittorrent").glob("*.fastresume")):
        torrent = path.with_suffix(".torrent")
        data = torrent.read_bytes() if torrent.exists() else None
        yield qbittorrent.read_files(path.read_bytes(), data, SAVED_AT)


def qbittorrent_rows() -> Iterator[ForeignTorrent]:
    place = RECORDED / "qbittorrent_database" / "torrents.db"
    database = sqlite3.connect(f"{place.as_uri()}?immutable=1", uri=True)
    database.row_factory = sqlite3.Row
    for row in database.execute("SELECT * FROM torrents"):
        yield qbittorrent.read_row(dict(row), SAVED_AT)
    database.close()


def deluge_torrents() -> Iterator[ForeignTorrent]:
    state = RECORDED / "deluge" / "state"
    resume = deluge.read_fastresume((state / "torrents.fastresume").read_bytes())
    labels = deluge.read_labels((RECORDED / "deluge" / "label.conf").read_bytes())
    for choices in deluge.read_state((state / "torrents.state").read_bytes()):
        name = choices.info_hash
        torrent = state / f"{name}.torrent"
        data = torrent.read_bytes() if torrent.exists() else None
        yield deluge.read(choices, resume.get(name), data, labels.get(name, ""), SAVED_AT)


def rtorrent_torrents() -> Iterator[ForeignTorrent]:
    for path in sorted((RECORDED / "rtorrent").glob("*.torrent")):
        parts = [Path(f"{path}.{name}").read_bytes() for name in ("rtorrent", "libtorrent_resume")]
        yield rtorrent.read(path.read_bytes(), *parts, SAVED_AT, booted_at=0.0)


PROGRAMS: dict[str, Callable[[], Iterator[ForeignTorrent]]] = {
    "transmission": transmission_torrents,
    "qbittorrent": qbittorrent_torrents,
    "qbittorrent's database": qbittorrent_rows,
    "deluge": deluge_torrents,
    "rtorrent": rtorrent_torrents,
}


def by_name(program: str) -> dict[str, ForeignTorrent]:
    """What a program left."""
    return {found.name: found for found in PROGRAMS[program]()}
