"""The library of torrents that `scale` measures with: real torrents with holes for files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bench.engines.p2pd_state import furnish
from bench.inside.tracker import Counts
from bench.library import PIECES, Library
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.metainfo import parse_torrent
from p2pd.state.records import load_all
from p2pd.state.summaries import full_bitfield

TRACKERS = ["http://127.0.0.1:1/announce", "http://127.0.0.1:2/announce"]


def test_the_torrents_are_real_and_their_files_are_holes(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", 4, TRACKERS)
    for torrent in library.torrents:
        metainfo = parse_torrent(torrent.path.read_bytes())
        assert metainfo.info_hashes.hash_string == torrent.info_hash
        assert metainfo.trackers == tuple((url,) for url in TRACKERS)
        layout = FileLayout.of(metainfo)
        assert PIECES[0] <= layout.piece_count == torrent.pieces <= PIECES[1]
        assert [("/".join(f.path), f.length) for f in layout.files] == list(torrent.files)
        for path, length in torrent.files:
            look = (library.data / path).stat()
            assert (look.st_size, look.st_blocks) == (length, 0)


def test_it_is_the_same_in_every_run(tmp_path: Path) -> None:
    made = [Library(tmp_path / name, 3, TRACKERS).torrents for name in ("a", "b")]
    assert [t.info_hash for t in made[0]] == [t.info_hash for t in made[1]]


def test_p2pd_is_given_a_state_in_which_all_is_verified(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", 3, TRACKERS)
    furnish(tmp_path / "state", library)
    with closing(sqlite3.connect(tmp_path / "state" / "state.db")) as connection:
        records = load_all(connection.cursor())
    assert [record.name for record in records] == [torrent.name for torrent in library.torrents]
    for record, torrent in zip(records, library.torrents, strict=True):
        assert record.clean
        assert record.pieces == full_bitfield(torrent.pieces)
        assert record.torrent == torrent.path.read_bytes()


def test_the_tracker_counts_what_it_is_asked() -> None:
    counts = Counts()
    for target in (
        "/announce?event=started",
        "/announce?a=1",
        "/scrape?x",
        "/announce?event=stopped",
    ):
        counts.request(1, target)
    counts.request(2, "/announce")
    line = counts.line()
    assert '"announces": 4, "started": 1, "stopped": 1, "scrapes": 1' in line
    assert '"announces": 0' in counts.line()
