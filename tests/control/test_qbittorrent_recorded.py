"""What known clients send, in their order: each gets what it goes on with.

The tables follow the clients' own sources: Sonarr's and Radarr's QBittorrentProxyV2, VueTorrent's
QbitProvider, Flood's clientRequestManager.
"""

from __future__ import annotations

import pytest

from tests.control.qbittorrent_client import Client

ONE = "01" * 20
TOKEN = "a-token-of-some-length"
LOGIN = ("POST", "auth/login", {"username": "p2pd", "password": TOKEN}, 200)
LINK = f"magnet:?xt=urn:btih:{ONE}&tr=http%3A%2F%2Ftracker.test%2Fannounce"


def arr(category: str) -> list[tuple[str, str, dict[str, str], int]]:
    """Sonarr and Radarr: a test of the settings, a grab, two polls, an import, a removal."""
    grab = {"category": category, "paused": "False", "ratioLimit": "1.5", "seedingTimeLimit": "90"}
    poll = [
        ("GET", "app/webapiVersion", {}, 200),
        ("GET", "app/preferences", {}, 200),
        ("GET", "torrents/info", {"category": category}, 200),
    ]
    return [
        ("GET", "app/webapiVersion", {}, 403),
        LOGIN,
        ("GET", "app/version", {}, 200),
        ("GET", "app/preferences", {}, 200),
        ("GET", "torrents/categories", {}, 200),
        ("POST", "torrents/createCategory", {"category": category}, 200),
        ("GET", "torrents/categories", {}, 200),
        *poll,
        ("POST", "torrents/add", {"urls": LINK, **grab}, 200),
        ("UPLOAD", "torrents/add", {**grab, "sequentialDownload": "True"}, 200),
        ("GET", "torrents/properties", {"hash": "ff" * 20}, 404),
        ("GET", "torrents/properties", {"hash": ONE}, 200),
        ("POST", "torrents/setShareLimits", {"hashes": ONE, "ratioLimit": "-2",
                                             "seedingTimeLimit": "90"}, 200),
        ("POST", "torrents/topPrio", {"hashes": ONE}, 409),
        ("POST", "torrents/setForceStart", {"hashes": ONE, "value": "true"}, 200),
        *poll,
        ("GET", "torrents/files", {"hash": ONE}, 200),
        ("POST", "torrents/setCategory", {"hashes": ONE, "category": category}, 200),
        ("POST", "torrents/pause", {"hashes": ONE}, 200),
        ("POST", "torrents/resume", {"hashes": ONE}, 200),
        ("POST", "torrents/delete", {"hashes": ONE, "deleteFiles": "true"}, 200),
    ]  # fmt: skip


VUETORRENT = [
    ("GET", "app/version", {}, 403),
    LOGIN,
    ("GET", "app/version", {}, 200),
    ("GET", "app/buildInfo", {}, 200),
    ("GET", "app/preferences", {}, 200),
    ("GET", "sync/maindata", {}, 200),
    ("GET", "sync/maindata", {"rid": "1"}, 200),
    ("GET", "torrents/info", {"hashes": ONE}, 200),
    ("GET", "torrents/properties", {"hash": ONE}, 200),
    ("GET", "torrents/files", {"hash": ONE}, 200),
    ("GET", "torrents/trackers", {"hash": ONE}, 200),
    ("GET", "torrents/pieceStates", {"hash": ONE}, 200),
    ("GET", "sync/torrentPeers", {"hash": ONE, "rid": "0"}, 200),
    ("POST", "torrents/add", {"urls": LINK, "dlLimit": "undefined", "ratioLimit": "undefined",
                              "savepath": "undefined", "stopped": "false"}, 200),
    ("POST", "torrents/filePrio", {"hash": ONE, "id": "0|1", "priority": "7"}, 200),
    ("POST", "torrents/rename", {"hash": ONE, "name": "new"}, 200),
    ("POST", "torrents/stop", {"hashes": ONE}, 200),
    ("POST", "torrents/start", {"hashes": "all"}, 200),
    ("POST", "torrents/toggleSequentialDownload", {"hashes": ONE}, 200),
    ("POST", "transfer/toggleSpeedLimitsMode", {}, 200),
    ("POST", "app/setPreferences", {"json": '{"dl_limit":1048576,"locale":"en"}'}, 200),
    ("POST", "torrents/delete", {"hashes": ONE, "deleteFiles": "false"}, 200),
    ("POST", "auth/logout", {}, 200),
    ("GET", "app/version", {}, 403),
]  # fmt: skip

FLOOD = [
    LOGIN,
    ("GET", "app/preferences", {}, 200),
    ("GET", "torrents/info", {}, 200),
    ("GET", "torrents/properties", {"hash": ONE}, 200),
    ("GET", "torrents/trackers", {"hash": ONE}, 200),
    ("GET", "torrents/files", {"hash": ONE}, 200),
    ("GET", "sync/torrentPeers", {"hash": ONE, "rid": "0"}, 200),
    ("GET", "transfer/info", {}, 200),
    ("UPLOAD", "torrents/add", {"savepath": "/media", "tags": "a,b", "paused": "false",
                                "root_folder": "unset", "contentLayout": "Original"}, 200),
    ("POST", "torrents/addTags", {"hashes": ONE, "tags": "a"}, 200),
    ("POST", "torrents/removeTags", {"hashes": ONE}, 200),
    ("POST", "torrents/addTrackers", {"hash": ONE, "urls": "http://new.test/a"}, 200),
    ("POST", "torrents/reannounce", {"hashes": ONE}, 200),
    ("POST", "torrents/setSuperSeeding", {"hashes": ONE, "value": "true"}, 200),
    ("POST", "torrents/setLocation", {"hashes": ONE, "location": "/other"}, 200),
    ("POST", "torrents/recheck", {"hashes": ONE}, 200),
    ("POST", "app/setPreferences", {"json": '{"save_path":"/media"}'}, 200),
]  # fmt: skip

CLIENTS = {
    "Sonarr": arr("tv-sonarr"),
    "Radarr": arr("radarr"),
    "VueTorrent": VUETORRENT,
    "Flood": FLOOD,
}


@pytest.mark.parametrize("name", CLIENTS)
def test_what_clients_send_is_answered_as_they_expect(caller, session, name, monkeypatch):
    client = Client(caller, session)
    client.headers = {"Authorization": None}

    async def change_settings(changes):
        for setting, value in changes.items():
            setattr(session.settings, setting, value)

    monkeypatch.setattr(session, "change_settings", change_settings)
    for method, path, params, status in CLIENTS[name]:
        if method == "UPLOAD":
            answer = client.upload(path, [b"torrent"], **params)
        else:
            answer = getattr(client, method.lower())(path, **params)
        assert answer.status == status, (path, answer)
        if path == "torrents/add":
            assert answer.body == b"Ok."
        if "set-cookie" in answer.headers:
            client.headers["Cookie"] = answer.headers["set-cookie"][0].partition(";")[0]
