"""What clients are told of web seeds, and how they change them."""

from __future__ import annotations

from typing import Any

import pytest

from p2pd.control.methods.web_seed_fields import WEB_SEED_PARAMS
from p2pd.formats.urls import MAX_WEB_SEEDS
from p2pd.session.torrents.torrent_requests import TorrentChanges
from p2pd.session.web_seeds.seed_report import Kind, SeedReport, SeedState
from tests.control.qbittorrent_client import Client

OLD, NEW, PIECES = "http://seed.test/", "https://new.test/a", "http://old.test/seed.php"
ONE = "01" * 20


def test_they_are_told(caller: Any, session: Any) -> None:
    session.all[0].http_seeds = (PIECES,)
    session.all[0].seed_reports += (
        SeedReport(PIECES, Kind.PIECES, SeedState.WAITS, error="it is busy", next_at=99.9),
    )
    fields = ["webseeds", "webseeds_ex", "webseeds_sending_to_us"]
    row = caller.call("torrent_get", fields=fields, ids=1).result["torrents"][0]
    assert row["webseeds"] == [OLD, PIECES]
    assert row["webseeds_sending_to_us"] == 1
    assert row["webseeds_ex"] == [
        {
            "url": OLD, "is_downloading": True, "download_bytes_per_second": 1000,
            "connections": 2, "downloaded": 77, "error_string": "", "kind": "files",
            "next_time": 0, "state": "downloading",
        },
        {
            "url": PIECES, "is_downloading": False, "download_bytes_per_second": 0,
            "connections": 0, "downloaded": 0, "error_string": "it is busy", "kind": "pieces",
            "next_time": 99, "state": "waiting",
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "files", "pieces"),
    [
        ({"webseed_add": [NEW]}, (OLD, NEW), None),
        ({"webseed_add": [NEW, NEW, OLD]}, (OLD, NEW), None),
        ({"webseed_remove": [OLD]}, (), None),
        ({"webseed_remove": [PIECES]}, None, ()),
        ({"webseed_list": [NEW]}, (NEW,), None),
        ({"webseed_list": []}, (), None),
        ({"webseed_remove": [OLD], "webseed_add": [NEW]}, (NEW,), None),
        ({"httpseed_add": [NEW]}, None, (PIECES, NEW)),
        ({"webseed_add": [OLD]}, None, None),
    ],
)
def test_they_are_changed(caller: Any, session: Any, given: Any, files: Any, pieces: Any) -> None:
    session.all[0].http_seeds = (PIECES,)
    assert caller.call("torrent_set", ids=[1], **given).result == {}
    ((_, _, changes),) = session.asked
    assert (changes.web_seeds, changes.http_seeds) == (files, pieces)


@pytest.mark.parametrize(
    "given",
    [
        {"webseed_add": ["ftp://x/"]},
        {"webseed_add": ["nothing"]},
        {"webseed_add": [7]},
        {"httpseed_add": ["http://a b/"]},
        {"webseed_list": "http://x/"},
        {"webseed_remove": ["http://not.there/"]},
        {"webseed_add": [f"http://x/{n}" for n in range(MAX_WEB_SEEDS)]},
        {"webseed_add": ["http://x/" + "y" * 3000]},
    ],
)
def test_what_makes_no_sense_changes_nothing(caller: Any, session: Any, given: Any) -> None:
    assert caller.call("torrent_set", ids=[1], **given).error[0] == -32602
    assert session.asked == []
    assert set(given) <= {param.name for param in WEB_SEED_PARAMS}


@pytest.mark.parametrize(
    ("path", "params", "changes"),
    [
        ("addWebSeeds", {"urls": f"{NEW}|{OLD}"}, TorrentChanges(web_seeds=(OLD, NEW))),
        (
            "addWebSeeds",
            {"urls": "https%3A%2F%2Fnew.test%2Fa"},
            TorrentChanges(web_seeds=(OLD, NEW)),
        ),
        ("editWebSeed", {"origUrl": OLD, "newUrl": NEW}, TorrentChanges(web_seeds=(NEW,))),
        ("removeWebSeeds", {"urls": f"{OLD}|http://no/"}, TorrentChanges(web_seeds=())),
    ],
)
def test_they_are_changed_as_by_clients_of_qbittorrent(
    caller: Any, session: Any, path: str, params: Any, changes: Any
) -> None:
    client = Client(caller, session)
    assert client.asked(f"torrents/{path}", hash=ONE, **params) == [("change", 1, changes)]


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("addWebSeeds", {"urls": "ftp://x/"}, 400),
        ("editWebSeed", {"origUrl": "http://no/", "newUrl": NEW}, 409),
        ("editWebSeed", {"origUrl": OLD, "newUrl": "nothing"}, 400),
    ],
)
def test_what_clients_of_qbittorrent_are_refused(
    caller: Any, session: Any, path: str, params: Any, status: int
) -> None:
    client = Client(caller, session)
    answer = client.post(f"torrents/{path}", hash=ONE, **params)
    assert (answer.status, session.asked) == (status, [])
