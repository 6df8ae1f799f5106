"""What a run believes of its torrents: nothing is held against the daemon that it did not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.torture.expected import ExpectedTorrent, Maybe

ONE, TWO, THREE = Path("/one"), Path("/two"), Path("/three")


def torrent_in(*folders: Path, leftovers: set[Path] | None = None) -> ExpectedTorrent:
    content: Any = None
    found = ExpectedTorrent(content, Maybe([True]))
    found.choices["download_dir"] = Maybe([str(folder) for folder in folders])
    found.leftovers = leftovers or set()
    return found


def test_data_that_is_removed_is_gone_from_wherever_it_was() -> None:
    torrent = torrent_in(ONE, TWO, leftovers={THREE})
    with torrent.removing(data=True):
        assert torrent.leftovers == {ONE, TWO, THREE}
        assert not torrent.is_here
        assert not torrent.is_gone
    assert torrent.leftovers == {THREE}
    assert torrent.is_gone


def test_data_that_is_kept_may_be_in_each_of_them() -> None:
    torrent = torrent_in(ONE, TWO)
    with torrent.removing(data=False):
        pass
    assert torrent.leftovers == {ONE, TWO}


def test_what_was_kept_before_is_not_gone_from_where_it_was_on_its_way_to() -> None:
    torrent = torrent_in(ONE, TWO, leftovers={TWO})
    with torrent.removing(data=True):
        pass
    assert torrent.leftovers == {TWO}
