"""What calls of the qBittorrent Web API ask of the session, and what they answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError
from p2pd.control.qbittorrent.preferences import PREFERENCES
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.swarm.share_limits import LimitsInForce, ShareLimits
from tests.control.fake_torrents import NOW
from tests.control.qbittorrent_client import Client

ONE, TWO = "01" * 20, "02" * 20


@pytest.fixture
def client(caller, session):
    return Client(caller, session)


@pytest.fixture
def with_category(client):
    client.session.settings.label_rules = {"tv": {}}
    return client


DONE = [
    ("pause", {"hashes": ONE}, [("stop", 1)]),
    ("stop", {"hashes": f"{ONE}|{TWO}"}, [("stop", 1), ("stop", 2)]),
    ("resume", {"hashes": "all"}, [("start", 1), ("start", 2)]),
    ("start", {"hashes": ONE.upper()}, [("start", 1)]),
    ("recheck", {"hashes": TWO}, [("verify", 2)]),
    ("reannounce", {"hashes": f"{ONE}|{ONE}|zz"}, [("reannounce", 1)]),
    ("delete", {"hashes": ONE}, [("remove", 1, False)]),
    ("delete", {"hashes": ONE, "deleteFiles": "true"}, [("remove", 1, True)]),
    ("setLocation", {"hashes": ONE, "location": " /new "}, [("set_location", 1, "/new", True)]),
    ("setSavePath", {"id": TWO, "path": "/new"}, [("set_location", 2, "/new", True)]),
    ("setAutoManagement", {"hashes": ONE, "enable": "false"}, []),
    ("rename", {"hash": ONE, "name": " new "}, [("rename", 1, "some torrent", "new")]),
    ("renameFile", {"hash": ONE, "oldPath": "a/b", "newPath": "a/c"}, [("rename", 1, "a/b", "c")]),
    ("renameFolder", {"hash": ONE, "oldPath": "a", "newPath": "c/"}, [("rename", 1, "a", "c")]),
    ("setForceStart", {"hashes": ONE, "value": "true"}, [("start_now", 1)]),
    ("setForceStart", {"hashes": ONE, "value": "false"}, [("start", 1)]),
]


@pytest.mark.parametrize(("path", "params", "asked"), DONE)
def test_what_is_done_to_torrents(client, path, params, asked):
    assert client.asked(f"torrents/{path}", **params) == asked


CHANGED = [
    ("setDownloadLimit", {"limit": 5000}, {"download_limited": True, "download_limit": 5}),
    ("setDownloadLimit", {"limit": 1}, {"download_limited": True, "download_limit": 1}),
    ("setDownloadLimit", {"limit": 0}, {"download_limited": False}),
    ("setUploadLimit", {"limit": 7400}, {"upload_limited": True, "upload_limit": 7}),
    ("setUploadLimit", {"limit": -1}, {"upload_limited": False}),
    (
        "setShareLimits",
        {"ratioLimit": "1.5", "seedingTimeLimit": -1, "inactiveSeedingTimeLimit": -2},
        {
            "share_limits": {
                "seed_ratio_mode": 1,
                "seed_ratio_limit": 1.5,
                "seed_time_mode": 2,
                "seed_idle_mode": 0,
            }
        },
    ),
    (
        "setShareLimits",
        {"seedingTimeLimit": 90},
        {"share_limits": {"seed_time_mode": 1, "seed_time_limit": 90}},
    ),
    ("setSuperSeeding", {"value": "true"}, {"super_seeding": "on"}),
    ("setSuperSeeding", {"value": "false"}, {"super_seeding": "off"}),
    ("toggleSequentialDownload", {}, {"sequential": True}),
    ("setCategory", {"category": "tv"}, {"labels": ("tv", "linux")}),
    ("addTags", {"tags": "new, other"}, {"labels": ("linux", "new", "other")}),
    ("removeTags", {"tags": "linux"}, {"labels": ()}),
    ("removeTags", {}, {"labels": ()}),
]


@pytest.mark.parametrize(("path", "params", "changes"), CHANGED)
def test_what_is_changed_on_torrents(with_category, path, params, changes):
    asked = with_category.asked(f"torrents/{path}", hashes=ONE, **params)
    assert asked == [("change", 1, TorrentChanges(**changes))]


FILES = [
    (0, {"files_unwanted": (0, 1)}),
    (1, {"files_wanted": (0, 1), "priority_normal": (0, 1)}),
    (6, {"files_wanted": (0, 1), "priority_high": (0, 1)}),
    (7, {"files_wanted": (0, 1), "priority_high": (0, 1)}),
]


@pytest.mark.parametrize(("priority", "changes"), FILES)
def test_priorities_of_files(client, priority, changes):
    asked = client.asked("torrents/filePrio", hash=ONE, id="0|1", priority=priority)
    assert asked == [("change", 1, TorrentChanges(**changes))]


REFUSED = [
    ("torrents/filePrio", {"hash": ONE, "id": "2", "priority": 1}, 409),
    ("torrents/filePrio", {"hash": ONE, "id": "x", "priority": 1}, 400),
    ("torrents/filePrio", {"hash": ONE, "id": "0", "priority": 5}, 400),
    ("torrents/filePrio", {"hash": "zz", "id": "0", "priority": 1}, 404),
    ("torrents/pause", {}, 400),
    ("torrents/setLocation", {"hashes": ONE, "location": " "}, 400),
    ("torrents/setLocation", {"hashes": ONE, "location": "relative"}, 400),
    ("torrents/setAutoManagement", {"hashes": ONE, "enable": "true"}, 409),
    ("torrents/setDownloadLimit", {"hashes": ONE, "limit": "much"}, 400),
    ("torrents/setCategory", {"hashes": ONE, "category": "nowhere"}, 409),
    ("torrents/createCategory", {"category": ""}, 400),
    ("torrents/createCategory", {"category": "a\\b"}, 409),
    ("torrents/createCategory", {"category": "tv"}, 409),
    ("torrents/editCategory", {"category": "nowhere", "savePath": "/x"}, 409),
    ("torrents/addTrackers", {"hash": ONE, "urls": "ftp://x/"}, 400),
    ("torrents/editTracker", {"hash": ONE, "origUrl": "http://no/", "newUrl": "http://x/"}, 409),
    ("torrents/removeTrackers", {"hash": ONE, "urls": "http://no/"}, 409),
    ("torrents/addPeers", {"hashes": ONE, "peers": "nobody"}, 400),
    ("torrents/renameFile", {"hash": ONE, "oldPath": "a/b", "newPath": "b"}, 409),
    ("torrents/renameFile", {"hash": ONE, "oldPath": "a/b", "newPath": ""}, 400),
    ("torrents/rename", {"hash": ONE, "name": " "}, 409),
    ("torrents/topPrio", {"hashes": ONE}, 409),
    ("torrents/toggleFirstLastPiecePrio", {"hashes": ONE}, 409),
    ("torrents/setShareLimits", {"hashes": ONE}, 400),
    ("torrents/setShareLimits", {"hashes": ONE, "ratioLimit": "nan"}, 400),
    ("torrents/setShareLimits", {"hashes": ONE, "seedingTimeLimit": 10**10}, 400),
    ("torrents/add", {}, 400),
    ("torrents/add", {"urls": "/etc/passwd"}, 400),
    ("app/setPreferences", {"json": "[]"}, 400),
    ("app/setPreferences", {"json": '{"anonymous_mode": true}'}, 409),
    ("app/setPreferences", {"json": '{"max_connec": "5"}'}, 400),
    ("transfer/setSpeedLimitsMode", {"mode": "x"}, 400),
    ("nothing/here", {}, 404),
]


@pytest.mark.parametrize(("path", "params", "status"), REFUSED)
def test_what_is_refused_says_why_and_does_nothing(with_category, path, params, status):
    answer = with_category.post(path, **params)
    assert (answer.status, with_category.session.asked) == (status, [])
    assert answer.body


def test_what_changes_something_is_posted(client):
    answer = client.get("torrents/pause", hashes="all")
    assert (answer.status, answer.headers["allow"]) == (405, ["POST"])
    assert client.session.asked == []


def test_the_sessions_own_refusal_is_passed_on(client):
    client.session.fails_with = P2pdError("the disk is gone")
    answer = client.post("torrents/recheck", hashes=ONE)
    assert (answer.status, answer.body) == (409, b"the disk is gone")


def test_a_bug_is_not_told_to_callers(client):
    client.session.fails_with = ZeroDivisionError("secret")
    answer = client.post("torrents/recheck", hashes=ONE)
    assert (answer.status, answer.body) == (500, b"see the daemon's log")


def test_peers_are_dialled(client):
    answer = client.post("torrents/addPeers", hashes=ONE, peers="192.0.2.1:6881|nobody")
    assert json.loads(answer.body) == {ONE: {"added": 1, "failed": 1}}
    assert client.session.asked == [("add_peers", 1, (PeerAddress("192.0.2.1", 6881),))]


TRACKERS = [
    ("addTrackers", {"urls": "http://new/a\nhttp://tracker.test/announce"},
     (("http://tracker.test/announce",), ("http://new/a",))),
    ("editTracker", {"origUrl": "http://tracker.test/announce", "newUrl": "udp://new:80"},
     (("udp://new:80",),)),
    ("removeTrackers", {"urls": "http://tracker.test/announce|http://no/"}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("path", "params", "tiers"), TRACKERS)
def test_trackers_are_changed(client, path, params, tiers):
    asked = client.asked(f"torrents/{path}", hash=ONE, **params)
    assert asked == [("change", 1, TorrentChanges(tracker_tiers=tiers))]


def test_what_is_told_of_a_torrent(with_category):
    session = with_category.session
    session.all[0].labels = ("linux", "tv")
    rows = with_category.json("torrents/info", sort="name", reverse="true")
    row = rows[0]
    assert [each["hash"] for each in rows] == [ONE, TWO]
    assert row == row | {
        "added_on": int(NOW - 1000.5), "amount_left": 32768, "category": "tv", "completed": 32768,
        "completion_on": -1, "content_path": "/incomplete/some torrent", "dl_limit": 0,
        "download_path": "/incomplete",
        "dlspeed": 1000, "downloaded": 32768, "eta": 33, "hash": ONE, "infohash_v1": ONE,
        "infohash_v2": "", "name": "some torrent", "num_complete": 2, "num_incomplete": 3,
        "num_leechs": 1, "num_seeds": 0, "progress": 0.5, "ratio": 0.5, "save_path": "/downloads",
        "size": 65536, "state": "downloading", "tags": "linux", "time_active": 900,
        "tracker": "http://tracker.test/announce", "trackers_count": 1, "up_limit": 30000,
        "upspeed": 3, "availability": 1.0,
    }  # fmt: skip


def test_lists_of_some_torrents(with_category):
    session = with_category.session
    session.all[0].labels = ("tv",)

    def hashes(**params):
        return [row["hash"] for row in with_category.json("torrents/info", **params)]

    assert hashes(category="tv") == [ONE]
    assert hashes(category="") == [TWO]
    assert hashes(tag="linux") == [TWO]
    assert hashes(tag="") == [ONE]
    assert hashes(hashes=f"{TWO}|zz") == [TWO]
    assert hashes(filter="downloading") == [ONE, TWO]
    assert hashes(filter="paused") == []
    assert hashes(filter="no-such-filter") == [ONE, TWO]
    assert hashes(limit=1) == [ONE]
    assert hashes(offset=-1) == [TWO]
    assert hashes(sort="hash", reverse="true") == [TWO, ONE]
    assert with_category.get("torrents/info", sort="nothing").status == 400
    assert with_category.get("torrents/count").body == b"2"


def test_properties_files_trackers_and_pieces(client):
    found = client.json("torrents/properties", hash=ONE)
    assert found == found | {"save_path": "/downloads", "pieces_num": 4, "pieces_have": 2}
    files = client.json("torrents/files", hash=ONE)
    assert files[0] == {
        "availability": 1.0, "index": 0, "is_seed": False, "name": "some torrent/film.mkv",
        "piece_range": [0, 3], "priority": 1, "progress": 0.5, "size": 60000,
    }  # fmt: skip
    assert files[1]["priority"] == 0
    assert [f["index"] for f in client.json("torrents/files", hash=ONE, indexes="1")] == [1]
    assert client.get("torrents/files", hash=ONE, indexes="2").status == 409
    trackers = client.json("torrents/trackers", hash=ONE)
    assert [each["url"] for each in trackers[:3]] == [f"** [{w}] **" for w in ("DHT", "PeX", "LSD")]
    assert (trackers[3]["status"], trackers[3]["num_seeds"]) == (3, 2)
    assert [each["status"] for each in trackers[:3]] == [0, 0, 2]
    assert trackers[1]["msg"] == "This torrent is private"
    assert (trackers[2]["num_peers"], trackers[2]["num_leeches"]) == (2, 1)
    found = client.session.all[0].sources[1]
    client.session.all[0].sources = (replace(found, name="dht", error="nobody answers"),)
    row = client.json("torrents/trackers", hash=ONE)[0]
    assert (row["status"], row["msg"]) == (4, "nobody answers")
    assert client.json("torrents/webseeds", hash=ONE) == [{"url": "http://seed.test/"}]
    assert client.json("torrents/pieceStates", hash=ONE) == [2, 0, 2, 0]
    assert client.json("torrents/pieceHashes", hash=ONE) == []
    assert client.get("torrents/export", hash=ONE).status == 409
    assert client.get("torrents/properties", hash="zz").status == 404


def test_categories_and_tags(with_category):
    assert with_category.json("torrents/categories") == {"tv": {"name": "tv", "savePath": ""}}
    assert with_category.json("torrents/tags") == ["linux"]
    with_category.post("torrents/createTags", tags="loose")
    assert with_category.json("torrents/tags") == ["linux", "loose"]
    with_category.post("torrents/deleteTags", tags="loose")
    assert with_category.json("torrents/tags") == ["linux"]
    asked = with_category.asked("torrents/createCategory", category=" films ")
    assert asked == [("change_settings", {"label_rules": {"tv": {}, "films": {}}})]
    with_category.session.all[1].labels = ("tv", "linux")
    asked = with_category.asked("torrents/removeCategories", categories="tv\nnowhere")
    assert asked == [
        ("change", 2, TorrentChanges(labels=("linux",))),
        ("change_settings", {"label_rules": {}}),
    ]


def test_preferences_are_settings(client):
    session = client.session
    found = client.json("app/preferences")
    assert found == found | {
        "save_path": "/downloads", "dht": True, "queueing_enabled": False, "listen_port": 6881,
        "max_connec": 200, "dl_limit": 0, "start_paused_enabled": False, "schedule_from_hour": 9,
        "scheduler_days": 0, "alt_dl_limit": 50_000,
    }  # fmt: skip
    wanted = {
        "dl_limit": 2_000_000, "up_limit": 0, "start_paused_enabled": True, "save_path": "/new",
        "schedule_from_hour": 22, "schedule_from_min": 30, "scheduler_days": 1, "dht": False,
        "no_such_thing": 5,
    }  # fmt: skip
    asked = client.asked("app/setPreferences", json=json.dumps(wanted))
    assert asked == [("change_settings", {
        "speed_limit_down": 2000, "speed_limit_down_enabled": True, "start_added_torrents": False,
        "download_dir": "/new", "alt_speed_time_begin": 1350, "alt_speed_time_day": 62,
        "dht_enabled": False,
    })]  # fmt: skip
    assert client.asked("app/setPreferences", json=json.dumps(found)) == []
    assert set(found) == set(PREFERENCES)
    assert session.settings.download_dir == "/downloads"


@pytest.mark.parametrize(
    ("number", "wanted"),
    [(0, {"encryption": "preferred"}), (1, {"encryption": "required"}), (2, None)],
)
def test_encryption_has_a_number(client, number, wanted):
    assert client.json("app/preferences")["encryption"] == 2
    asked = client.asked("app/setPreferences", json=json.dumps({"encryption": number}))
    assert asked == ([("change_settings", wanted)] if wanted else [])
    client.session.settings.encryption = "allowed"
    assert client.json("app/preferences")["encryption"] == 0
    assert client.asked("app/setPreferences", json='{"encryption": 0}') == []


def test_there_is_no_other_number_for_encryption(client):
    answer = client.post("app/setPreferences", json='{"encryption": 3}')
    assert (answer.status, answer.body) == (400, b"encryption is 0, 1 or 2")


def test_a_limit_that_lets_nothing_through_is_not_shown_as_none(client):
    settings = client.session.settings
    settings.speed_limit_up, settings.speed_limit_up_enabled = 0, True
    assert client.json("app/preferences")["up_limit"] == 1


def test_the_sessions_limits_and_bans(client):
    assert client.get("transfer/speedLimitsMode").body == b"0"
    assert client.asked("transfer/toggleSpeedLimitsMode") == [
        ("change_settings", {"alt_speed_enabled": True})
    ]
    limited = client.asked("transfer/setDownloadLimit", limit=9000)
    changes = {"speed_limit_down": 9, "speed_limit_down_enabled": True}
    assert limited == [("change_settings", changes)]
    banned = client.asked("transfer/banPeers", peers="192.0.2.1:80|[2001:db8::1]:9|x")
    hosts = (PeerAddress("192.0.2.1", 0), PeerAddress("2001:db8::1", 0))
    assert banned == [("ban", hosts, "by hand", 0, ())]
    client.session.settings.alt_speed_enabled = True
    assert client.get("transfer/uploadLimit").body == b"50000"
    assert client.asked("transfer/setUploadLimit", limit=0) == [
        ("change_settings", {"alt_speed_up": 2**31 - 1})
    ]


def test_the_sessions_traffic(client):
    session = client.session
    assert client.json("transfer/info") == {
        "connection_status": "firewalled", "dht_nodes": 11, "dl_info_data": 2, "dl_info_speed": 10,
        "dl_rate_limit": 0, "up_info_data": 1, "up_info_speed": 5, "up_rate_limit": 20_000,
    }  # fmt: skip
    session.all[0].peers = (replace(session.all[0].peers[0], incoming=True),)
    assert client.json("transfer/info")["connection_status"] == "connected"
    session.settings.fixed = {"peer_interface": "tun0", "peer_interface_addresses": []}
    assert client.json("transfer/info")["connection_status"] == "disconnected"


def test_the_daemon_is_stopped(client):
    assert client.asked("app/shutdown") == [("close",)]


def test_long_answers_are_packed_for_who_takes_it(client):
    client.headers["Accept-Encoding"] = "gzip"
    answer = client.get("torrents/info")
    assert answer.headers["content-encoding"] == ["gzip"]
    assert answer.body[:2] == b"\x1f\x8b"


def test_the_queue(client):
    client.session.settings.download_queue_enabled = True
    moved = client.asked("torrents/topPrio", hashes=f"{TWO}|{ONE}")
    assert moved == [("move_in_queue", [2, 1], QueueMove.TOP)]
    assert client.json("torrents/info")[0]["priority"] == 8
    found = client.json("app/preferences")
    assert (found["queueing_enabled"], found["max_active_uploads"]) == (True, -1)
    assert client.asked("app/setPreferences", json='{"max_active_downloads": 9}') == [
        ("change_settings", {"download_queue_size": 9})
    ]
    ((_, off),) = client.asked("app/setPreferences", json='{"queueing_enabled": false}')
    assert off == {"download_queue_enabled": False, "seed_queue_enabled": False}


def test_share_limits_are_shown(client):
    sharing = client.session.all[0].sharing
    sharing.own = ShareLimits(seed_ratio_mode=1, seed_ratio_limit=3.0, seed_time_mode=2)
    sharing.in_force = LimitsInForce(3.0, 1800.0, None)
    row = client.json("torrents/info")[0]
    assert row == row | {
        "ratio_limit": 3.0, "seeding_time_limit": -1, "inactive_seeding_time_limit": -2,
        "max_ratio": 3.0, "max_seeding_time": -1, "max_inactive_seeding_time": 30,
    }  # fmt: skip
    client.session.settings.seed_ratio_limited = True
    found = client.json("app/preferences")
    assert (found["max_ratio_enabled"], found["max_ratio"]) == (True, 2.0)
    assert found["max_ratio_act"] == 0
    asked = client.asked("app/setPreferences", json='{"max_ratio": 1, "max_ratio_act": 3}')
    changes = {"seed_ratio_limit": 1.0, "seed_limit_action": "remove_with_data"}
    assert asked == [("change_settings", changes)]
    asked = client.asked("app/setPreferences", json='{"max_ratio": -1}')
    assert asked == [("change_settings", {"seed_ratio_limited": False})]
