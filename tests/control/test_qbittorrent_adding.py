"""How torrents are added by the qBittorrent Web API, and how that ends."""

from __future__ import annotations

import pytest

from p2pd.base.errors import P2pdError
from p2pd.session.importing.import_requests import ImportTorrent
from p2pd.session.queueing.queue_order import QueueMove
from p2pd.session.torrents.torrent_requests import AddTorrent, TorrentChanges
from p2pd.swarm.share_limits import ShareLimits
from tests.control.qbittorrent_client import Client

ONE, TWO = "01" * 20, "02" * 20


@pytest.fixture
def client(caller, session):
    return Client(caller, session)


@pytest.fixture
def with_category(client):
    client.session.settings.label_rules = {"tv": {}}
    return client


def test_a_file_is_added_with_what_it_is_to_have(with_category):
    answer = with_category.upload(
        "torrents/add", [b"torrent"], savepath="/media", category="tv", tags="a,b", paused="true",
        sequentialDownload="true", dlLimit="5000", ratioLimit="2", autoTMM="false",
    )  # fmt: skip
    assert (answer.status, answer.body) == (200, b"Ok.")
    wanted = AddTorrent(
        torrent=b"torrent", download_dir="/media", labels=("tv", "a", "b"), paused=True,
        sequential=True, share_limits=ShareLimits(seed_ratio_mode=1, seed_ratio_limit=2.0),
    )  # fmt: skip
    limits = TorrentChanges(download_limit=5, download_limited=True)
    assert with_category.session.asked == [("add", wanted), ("change", 1, limits)]


def test_what_is_done_once_a_torrent_is_here(client):
    client.session.settings.download_queue_enabled = True
    asked = client.asked("torrents/add", urls=ONE, rename=" new ", addToTopOfQueue="true")
    assert asked[0][1].name == "new"
    assert asked[1:] == [("move_in_queue", [1], QueueMove.TOP)]


@pytest.mark.parametrize(
    ("params", "layout"),
    [
        ({"contentLayout": "Original"}, "original"),
        ({"contentLayout": "Subfolder"}, "subfolder"),
        ({"contentLayout": "NoSubfolder"}, "no_subfolder"),
        ({"root_folder": "false"}, "no_subfolder"),
        ({"root_folder": "true", "contentLayout": "NoSubfolder"}, "original"),
        ({"root_folder": "unset", "contentLayout": "Subfolder"}, "subfolder"),
    ],
)
def test_how_files_are_laid_out(client, params, layout):
    ((_, wanted),) = client.asked("torrents/add", urls=ONE, **params)
    assert wanted.content_layout == layout
    assert client.post("torrents/add", urls=ONE, contentLayout="Flat").status == 400


@pytest.mark.parametrize(
    ("params", "folder"),
    [
        ({"savepath": "/media"}, "/media"),
        ({"savepath": "/media", "autoTMM": "false"}, "/media"),
        ({"savepath": "/media", "autoTMM": "true"}, None),
        ({"autoTMM": "true"}, None),
        ({"autoTMM": "false"}, "/downloads"),
        ({}, None),
    ],
)
def test_with_automatic_management_the_category_says_where(with_category, params, folder):
    ((_, wanted),) = with_category.asked("torrents/add", urls=ONE, category="tv", **params)
    assert (wanted.download_dir, wanted.labels) == (folder, ("tv",))


def test_data_is_believed_if_so_wished_and_otherwise_added_as_ever(client):
    answer = client.upload("torrents/add", [b"torrent"], skip_checking="true")
    assert answer.body == b"Ok."
    ((_, wanted),) = client.session.asked
    assert isinstance(wanted, ImportTorrent)
    assert (wanted.is_whole, wanted.add.torrent) == (True, b"torrent")
    client.session.asked.clear()

    async def refuse(request):
        raise P2pdError("its data is not there")

    client.session.import_torrent = refuse
    client.upload("torrents/add", [b"torrent"], skip_checking="true")
    assert client.session.asked == [("add", AddTorrent(torrent=b"torrent"))]
    client.session.asked.clear()
    assert len(client.asked("torrents/add", urls=ONE, skip_checking="true")) == 1


def test_links_and_urls_are_added(client):
    client.caller.source.holds["http://x/a"] = b"torrent"
    links = f"magnet:?xt=urn:btih:{ONE}\n\nhttp://x/a\n"
    added = client.asked("torrents/add", urls=links, stopped="false")
    assert added == [
        ("add", AddTorrent(magnet=f"magnet:?xt=urn:btih:{ONE}", paused=False)),
        ("add", AddTorrent(torrent=b"torrent", paused=False)),
    ]


@pytest.mark.parametrize("condition", ["MetadataReceived", "FilesChecked", "None"])
def test_a_link_may_stop_when_its_files_are_known(client, condition):
    ((_, wanted),) = client.asked("torrents/add", urls=ONE, stopCondition=condition)
    assert wanted.metadata_only is (condition != "None")


def test_a_category_that_is_new_is_made_with_the_torrent(client):
    asked = client.asked("torrents/add", urls=ONE, category="tv-sonarr")
    assert asked[0] == ("change_settings", {"label_rules": {"tv-sonarr": {}}})
    assert asked[1][1].labels == ("tv-sonarr",)


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ([b"again"], 200, b"Fails."),
        ([b"again", b"new"], 200, b"Ok."),
        ([b"corrupt"], 415, b"the pieces are no string"),
        ([b"corrupt", b"new"], 200, b"Ok."),
    ],
)
def test_how_adding_ends(client, files, status, words):
    answer = client.upload("torrents/add", files)
    assert (answer.status, answer.body) == (status, words)
