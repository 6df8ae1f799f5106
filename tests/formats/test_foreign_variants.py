"""Forms of state that the recorded programs did not leave: other versions, and odd moments."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.formats import bencode
from p2pd.formats.foreign import rtorrent, transmission
from p2pd.formats.foreign.model import ForeignStateError, ForeignTorrent
from p2pd.formats.metainfo import Metainfo, to_torrent
from tests.formats.recorded_state import by_name

FOLDER = by_name("transmission")["Linux set"].metainfo
assert isinstance(FOLDER, Metainfo)
TORRENT = to_torrent(FOLDER)
NAMES = ["Linux set/a.bin", "Linux set/b.bin", "Linux set/docs/c.txt"]


def newer(**changes: Any) -> ForeignTorrent:
    """As Transmission 4.1 keeps it."""
    progress = {"blocks": "all", "pieces": "all", "mtimes": [100, 200, 300]}
    resume = {
        "destination": "/data", "files": NAMES, "name": "Linux set", "dnd": [0, 0, 1],
        "priority": [0, -1, 0], "labels": ["one", "two"], "sequential_download": 1,
        "sequential_download_from_piece": 3, "done_date": 7, "max_peers": 12, "uploaded": 5,
        "progress": progress | changes.pop("progress", {}),
        "peers2": [{"socket_address": b"\xc0\x00\x02\x01\x1a\xe1", "flags": 0}],
        "peers2_6": [{"socket_address": bytes(15) + b"\x01\x1a\xe1"}, {"flags": 1}, 5],
        "speed_limit_up": {"speed_Bps": 0, "use_speed_limit": 1, "use_global_speed_limit": 1},
        "speed_limit_down": {"speed_Bps": 51200, "use_speed_limit": 1},
    }  # fmt: skip
    return transmission.read(bencode.encode(resume | changes), TORRENT, 1000.0)


def test_transmission_4_keeps_all_under_other_names() -> None:
    found = newer()
    assert (found.folder, found.labels, found.completed_at) == ("/data", ("one", "two"), 7)
    assert (found.sequential, found.sequential_from, found.peer_limit) == (True, 3, 12)
    assert found.priorities == (0, -1, None)
    assert found.peers == (PeerAddress("192.0.2.1", 6881), PeerAddress("::1", 6881))
    assert (found.upload_limit, found.download_limit) == (0, 51)
    assert found.file_times == (102, 202, 302)
    assert found.pieces is not None
    assert found.pieces.is_full


def test_what_transmission_4_did_not_find_right_since_is_not_vouched_for() -> None:
    found = newer(progress={"pieces": b"\xff\x00"})
    assert found.file_times == (102, -1, -1)  # piece 8 lies in two files
    assert newer(progress={"pieces": "none"}).file_times == (-1, -1, -1)
    half = newer(progress={"blocks": b"\xc0\x00", "pieces": b"\xc0\x00"})
    assert half.file_times == (None, None, None)
    with pytest.raises(ForeignStateError, match="makes no sense"):
        newer(progress={"blocks": b"\xc0"})


def test_a_complete_file_that_was_never_checked_is_not_vouched_for() -> None:
    times = [[100, 1, 0, 3], [200, 1, 2, 3, 4, 5, 6, 7], 300]
    found = newer(progress={"mtimes": [], "time-checked": times})
    assert found.file_times == (-1, 203, 302)
    assert newer(progress={"mtimes": [0, 5, 6]}).file_times == (-1, 7, 8)
    assert newer(progress={"mtimes": []}).file_times == (-1, -1, -1)


def test_a_renamed_one_of_transmission_keeps_its_names() -> None:
    names = ["other/a.bin", "other/b.bin", "other/docs/c.txt"]
    found = newer(files=names)
    assert (found.folder, found.file_names, found.obstacle) == ("/data", tuple(names), "")
    assert newer(files=["", "", ""]).file_names == ()


def test_a_link_of_transmission_4_is_a_file_of_its_own() -> None:
    resume = bencode.encode({"destination": "/data", "name": "x"})
    found = transmission.read(resume, b"magnet:?xt=urn:btih:" + b"ab" * 20 + b"\n", 0.0)
    assert found.magnet == "magnet:?xt=urn:btih:" + "ab" * 20


# -- rtorrent ---------------------------------------------------------------------------------

FILES = [{"completed": 3, "mtime": time, "priority": 1} for time in (100, 200, 300)]
KEPT = {"directory": "/data/Linux set", "state": 1}


def session(booted_at: float = 0.0, **progress: Any) -> ForeignTorrent:
    resume = {"bitfield": 9, "files": FILES} | progress
    return rtorrent.read(TORRENT, bencode.encode(KEPT), bencode.encode(resume), 1000.0, booted_at)


def test_old_sessions_have_all_in_the_torrent_file() -> None:
    outer = bencode.decode(TORRENT)
    outer |= {
        b"rtorrent": KEPT | {"custom1": "a%2Cb", "throttle_name": "slow"},
        b"libtorrent_resume": {"bitfield": 0, "files": FILES},
    }
    found = rtorrent.read(bencode.encode(outer), None, None, 1000.0, 0.0)
    assert (found.folder, found.labels) == ("/data", ("a b",))
    assert found.left_out == ["its throttle (slow)"]
    assert found.pieces is not None
    assert found.pieces.count == 0


def test_pieces_that_were_new_when_the_machine_stopped_are_not_vouched_for() -> None:
    new = {"uncertain_pieces": (8).to_bytes(4, "big"), "uncertain_pieces.timestamp": 500}
    assert session(**new).file_times == (100, 200, 300)
    # Piece 8 lies in the second and in the third file.
    assert session(booted_at=600, **new).file_times == (100, -1, -1)


def test_files_that_were_written_then_have_no_time_and_others_no_vouching() -> None:
    odd = [{"mtime": ~3}, {"mtime": ~0}, {"mtime": "x"}]
    assert session(files=odd).file_times == (None, -1, -1)
    assert session(bitfield=b"\xff\x80").pieces == session().pieces
    assert session(bitfield=5).pieces is None
    with pytest.raises(ForeignStateError, match="make no sense"):
        session(bitfield=b"\xff")


def test_trackers_that_were_added_or_switched_off() -> None:
    trackers = {
        "http://127.0.0.1:9/announce": {"enabled": 0},
        "udp://192.0.2.1:80": {"enabled": 1, "extra_tracker": 1, "group": 3},
        "dht://": {"enabled": 1, "extra_tracker": 1},
    }
    found = session(trackers=trackers)
    assert found.metainfo is not None
    assert found.metainfo.trackers == (("udp://192.0.2.1:80",),)


def test_a_folder_of_another_name_is_kept() -> None:
    other = bencode.encode(KEPT | {"directory": "/data/renamed"})
    found = rtorrent.read(TORRENT, other, None, 1000.0, 0.0)
    assert (found.folder, found.obstacle) == ("/data", "")
    assert found.file_names == ("renamed/a.bin", "renamed/b.bin", "renamed/docs/c.txt")


def test_the_link_of_a_torrent_without_metadata() -> None:
    info = {"length": 1, "name": "AB" * 20 + ".meta", "rtorrent_meta_download": 1}
    data = bencode.encode({"announce": "http://192.0.2.1/a", "info": info})
    found = rtorrent.read(data, bencode.encode(KEPT), None, 0.0, 0.0)
    assert found.magnet == "magnet:?xt=urn:btih:" + "ab" * 20 + "&tr=http%3A%2F%2F192.0.2.1%2Fa"
