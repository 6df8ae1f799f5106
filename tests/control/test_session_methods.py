"""session_get, _set, _stats, _close and free_space."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.base.errors import P2pdError


def test_get_all(caller: Any) -> None:
    result = caller.call("session_get").result
    assert result["version"] == "4.1.0 (p2pd 1.2.3)"
    assert (result["rpc_version"], result["rpc_version_semver"]) == (18, "6.0.0")
    assert result["peer_port"] == 6881
    assert result["download_dir"] == "/downloads"
    assert result["download_dir_free_space"] == 10
    exchange = caller.send("GET", "/transmission/rpc")
    assert exchange.headers["x-transmission-session-id"] == [result["session_id"]]


def test_get_some(caller: Any, session: Any) -> None:
    fields = ["upload_slots", "what", "units"]
    result = caller.call("session_get", fields=fields).result
    assert list(result) == ["upload_slots", "units"]
    session.settings.download_dir = "/gone"
    fields = ["download_dir_free_space"]
    assert caller.call("session_get", fields=fields).result == {"download_dir_free_space": -1}


def test_set(caller: Any, session: Any) -> None:
    changes = {"download_dir": "/new", "peer_limit_global": 5, "start_added_torrents": False}
    assert caller.call("session_set", **changes, peer_port=6881).result == {}
    assert session.asked == [("change_settings", changes)]


def test_set_speeds(caller: Any, session: Any) -> None:
    changes = {"speed_limit_down": 5, "alt_speed_time_day": 65, "seed_ratio_limit": 1.5}
    assert caller.call("session_set", **changes).result == {}
    assert session.asked == [("change_settings", changes)]
    names = ["speed_limit_down_enabled", "alt_speed_time_end", "seed_ratio_limited"]
    result = caller.call("session_get", fields=names).result
    assert result == dict(zip(names, [False, 1020, False], strict=True))


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"peer_port": 1}, -32602), ({"speed_limit_down": -5}, -32602), ({"fixed": {}}, -32602),
     ({"download_dir": "here"}, 3), ({"upload_slots": -1}, -32602),
     ({"alt_speed_time_day": 128}, -32602), ({"label_rules": {}}, -32602),
     ({"seed_ratio_limit": -1}, -32602), ({"seed_limit_action": "sell"}, -32602),
     ({"version": "x"}, -32602)],
)  # fmt: skip
def test_what_cannot_be_set_changes_nothing(
    caller: Any, session: Any, changes: Any, code: int
) -> None:
    answer = caller.call("session_set", peer_limit_global=5, **changes).error
    assert answer[0] == code
    assert answer[1]
    assert session.asked == []


def test_the_session_may_refuse_a_setting(caller: Any, session: Any) -> None:
    session.fails_with = P2pdError("/new is not a folder")
    answer = caller.call("session_set", download_dir="/new")
    assert answer.error == (-32602, "/new is not a folder")


def test_stats(caller: Any) -> None:
    assert caller.call("session_stats").result == {
        "active_torrent_count": 1, "paused_torrent_count": 1, "torrent_count": 2,
        "block_cache": {
            "blocks_at_once": 50, "blocks_hit": 40, "blocks_missed": 30,
            "limit_bytes": 10, "used_bytes": 20,
        },
        "write_backlog_bytes": 77,
        "descriptors": {"limit": 1024, "open_files": 3, "open_files_limit": 256,
                        "connections": 4, "connections_limit": 576},
        "download_speed": 10, "upload_speed": 5,
        "download_limit_in_force": -1, "upload_limit_in_force": 20_000,
        "current_stats": {"uploaded_bytes": 1, "downloaded_bytes": 2, "files_added": 0,
                          "seconds_active": 0, "session_count": 0},
        "cumulative_stats": {"uploaded_bytes": 3, "downloaded_bytes": 4, "files_added": 0,
                             "seconds_active": 0, "session_count": 0},
    }  # fmt: skip


def test_close(caller: Any, session: Any) -> None:
    assert caller.call("session_close").result == {}
    assert session.asked == [("close",)]


def test_free_space(caller: Any) -> None:
    assert caller.call("free_space", path="/downloads").result == {
        "path": "/downloads",
        "size_bytes": 10,
        "total_size": 20,
    }
    assert caller.call("free_space", path="/gone").error == (5, "/gone is not there")
    assert caller.call("free_space", path="gone").error[0] == 3
    assert caller.call("free_space").error[0] == -32602
