from __future__ import annotations

from pathlib import Path

from tests.torture.descriptors import Descriptors, descriptors_of

VOLUMES = [Path("/disks/one"), Path("/shm/three")]


def test_files_of_torrents_are_told_from_what_should_stay_as_it_is() -> None:
    links = [
        "socket:[1]",
        "socket:[2]",
        "pipe:[3]",
        "/state/state.db",
        "/disks/one/v1 1/a.bin",
        "/disks/one.gone/v1 2",
        "/shm/three/hybrid/b.bin",
    ]
    assert descriptors_of(links, VOLUMES) == Descriptors(sockets=2, files=3, stale=0, others=4)


def test_a_file_that_was_removed_and_is_open_is_stale() -> None:
    links = ["/disks/one/v1 1/a.bin (deleted)", "/disks/one/v1 1/a.bin (deleted)", "/disks/one/b"]
    assert descriptors_of(links, VOLUMES).stale == 2


def test_so_is_one_that_is_open_more_often_than_anybody_needs() -> None:
    links = ["/disks/one/a"] * 5 + ["/disks/one/b"] * 2
    assert descriptors_of(links, VOLUMES).stale == 3
