"""Forms of state that the recorded programs did not leave: other versions, and odd moments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.formats import bencode
from p2pd.formats.foreign import deluge, qbittorrent, rtorrent, transmission
from p2pd.formats.foreign.model import ForeignGroup, ForeignStateError, ForeignTorrent
from p2pd.formats.metainfo import Metainfo, to_torrent
from tests.formats.recorded_state import by_name


def camel(name: str) -> str:
    """As Transmission 4.0 wrote names."""
    return re.sub("_(.)", lambda match: match[1].upper(), name)


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
    assert (found.bandwidth_priority, found.group, found.share_limits) == (0, "", {})
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


def test_transmission_4_keeps_priorities_groups_and_what_is_given() -> None:
    found = newer(
        bandwidth_priority=-1, group="night\0 ",
        seed_ratio_limit={"seed_ratio_limit": "1.500000", "ratio_mode": 1},
        idle_limit={"idle_limit": 45, "idle_mode": 1},
    )  # fmt: skip
    assert (found.bandwidth_priority, found.group) == (-1, "night")
    own = {"seed_ratio_mode": 1, "seed_ratio_limit": 1.5, "seed_idle_mode": 1}
    assert found.share_limits == {**own, "seed_idle_limit": 45}
    without = newer(seed_ratio_limit={"ratio_mode": 2}, idle_limit={"idle_limit": 5})
    assert without.share_limits == {"seed_ratio_mode": 2}
    odd = newer(bandwidth_priority=7, seed_ratio_limit={"seed_ratio_limit": "-1", "ratio_mode": 1})
    assert (odd.bandwidth_priority, odd.share_limits) == (0, {})


@pytest.mark.parametrize("write", [str, lambda name: name.replace("_", "-"), camel])
def test_groups_of_transmission_have_their_limits(write: Callable[[str], str]) -> None:
    group = {"upload_limited": True, "upload_limit": 50, "download_limit": 7,
             "honors_session_limits": False}  # fmt: skip
    data = json.dumps({"night": {write(name): value for name, value in group.items()}, "odd": 5})
    assert transmission.read_groups(data.encode()) == [ForeignGroup("night", None, 50, False)]


def test_groups_and_queues_that_make_no_sense_are_none() -> None:
    for data in (b"", b"[", b"\xff", b"5", b"[" * 100_000):
        with pytest.raises(ForeignStateError, match="cannot be read"):
            transmission.read_groups(data)
        assert transmission.read_queue(data) == []
    assert transmission.read_queue(b'["ab.torrent", 7, "cd.magnet"]') == ["ab", "cd"]


# -- qBittorrent ------------------------------------------------------------------------------


def of_qbittorrent(**added: Any) -> ForeignTorrent:
    resume = {
        "file-format": "libtorrent resume file", "file-version": 2, "save_path": "/now",
        "info-hash": FOLDER.info_hashes.v1, "qBt-savePath": "/then",
    }  # fmt: skip
    return qbittorrent.read_files(bencode.encode(resume | added), TORRENT, 0.0)


def test_qbittorrent_keeps_what_is_given_in_numbers() -> None:
    numbers = {
        "qBt-ratioLimit": 1500, "qBt-seedingTimeLimit": 60, "qBt-inactiveSeedingTimeLimit": -1,
        "qBt-shareLimitAction": "RemoveWithContent",
    }  # fmt: skip
    assert of_qbittorrent(**numbers).share_limits == {
        "seed_ratio_mode": 1, "seed_ratio_limit": 1.5, "seed_time_mode": 1, "seed_time_limit": 60,
        "seed_idle_mode": 2, "seed_limit_action": "remove_with_data",
    }  # fmt: skip
    usual = {"qBt-ratioLimit": -2000, "qBt-seedingTimeLimit": -2, "qBt-shareLimitAction": "Default"}
    assert of_qbittorrent(**usual).share_limits == {}
    assert of_qbittorrent(**{"qBt-ratioLimit": -1000}).share_limits == {"seed_ratio_mode": 2}
    old = of_qbittorrent(**{"qBt-ratioLimit": "0.75"}).share_limits
    assert old == {"seed_ratio_mode": 1, "seed_ratio_limit": 0.75}
    for odd in ("nan", "-1e999", "x", b"\xff"):
        assert of_qbittorrent(**{"qBt-ratioLimit": odd}).share_limits == {}


def test_what_is_not_complete_goes_where_it_was_to_go() -> None:
    assert of_qbittorrent().final_folder == "/then"
    assert of_qbittorrent(completed_time=5).final_folder == ""
    assert of_qbittorrent(**{"qBt-savePath": "/now/"}).final_folder == ""


def test_the_queue_of_qbittorrent_is_a_list_of_lines() -> None:
    assert qbittorrent.read_queue(b"ab\ncd\n\n\xff") == ["ab", "cd", "\ufffd"]


# -- Deluge -----------------------------------------------------------------------------------


def of_deluge(**values: Any) -> ForeignTorrent:
    values = {"save_path": "/now", "name": "Linux set"} | values
    return deluge.read(deluge.Choices("ab" * 20, values), None, TORRENT, "", 0.0)


def test_deluge_stops_or_removes_at_a_ratio_and_moves_what_is_complete() -> None:
    found = of_deluge(stop_at_ratio=True, stop_ratio=2.5, remove_at_ratio=True,
                      move_completed=True, move_completed_path="/then")  # fmt: skip
    assert found.share_limits == {
        "seed_ratio_mode": 1, "seed_ratio_limit": 2.5, "seed_limit_action": "remove",
    }  # fmt: skip
    assert (found.final_folder, found.left_out) == ("/then", [])
    usual = of_deluge(stop_at_ratio=False, stop_ratio=2.0, move_completed_path="/then")
    assert (usual.share_limits, usual.final_folder) == ({}, "")


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
    assert (found.group, found.left_out) == ("slow", [])
    assert found.pieces is not None
    assert found.pieces.count == 0


def test_throttles_are_groups_and_the_priority_a_share() -> None:
    def kept(**values: Any) -> ForeignTorrent:
        return rtorrent.read(TORRENT, bencode.encode(KEPT | values), None, 1000.0, 0.0)

    levels = [kept(priority=level).bandwidth_priority for level in range(5)]
    assert levels == [-1, -1, 0, 1, 0]
    free = kept(throttle_name="NULL")
    assert (free.group, free.honors_session_limits) == ("", False)
    assert kept(throttle_name="slow").honors_session_limits
    configuration = """
        throttle.up = slow,100
        throttle_down=slow, 1k
        # throttle.up = off,5
        throttle.up = "fast", 0
    """
    assert rtorrent.read_throttles(configuration) == [
        ForeignGroup("slow", 1049, 102), ForeignGroup("fast"),
    ]  # fmt: skip


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
