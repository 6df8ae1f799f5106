"""torrent_import over HTTP: params with bounds, and what is answered."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from p2pd.base.addresses import PeerAddress
from p2pd.base.errors import P2pdError

TORRENT = {"metainfo": base64.b64encode(b"torrent").decode(), "download_dir": "/data"}


def test_all_that_a_program_kept_is_handed_on(caller: Any, session: Any) -> None:
    answer = caller.call(
        "torrent_import", **TORRENT, labels=["linux"], pieces="8A==", file_times=[5, None, -1],
        exact_times=True, changed_before=9, partial_suffix=".part", uploaded_ever=10,
        downloaded_ever=20, corrupt_ever=1, added_date=3, done_date=4, activity_date=5,
        seconds_downloading=6, seconds_seeding=7, download_limit=8, honors_session_limits=False,
        peers=["192.0.2.1:6881"], dry_run=True,
    ).result  # fmt: skip
    assert answer == {
        "torrent_imported": {
            "hash_string": "ab" * 20, "id": 1, "name": "some torrent", "paused": False,
        },
        "pieces_claimed": 10, "pieces_believed": 8, "pieces_to_check": 2, "pieces_missing": 0,
        "problem": "",
    }  # fmt: skip
    ((_, request),) = session.asked
    assert (request.add.torrent, request.add.labels) == (b"torrent", ("linux",))
    assert (request.pieces, request.file_times) == (b"\xf0", (5, None, -1))
    assert (request.uploaded, request.downloaded, request.corrupt) == (10, 20, 1)
    assert (request.added_at, request.completed_at, request.active_at) == (3, 4, 5)
    assert (request.seconds_downloading, request.seconds_seeding) == (6, 7)
    assert (request.add.download_limit, request.add.upload_limit) == (8, None)
    assert request.peers == (PeerAddress("192.0.2.1", 6881),)
    assert request.exact_times
    assert request.trial
    assert not request.add.honors_session_limits


def test_a_link_needs_nothing_else(caller: Any, session: Any) -> None:
    caller.call("torrent_import", filename="ab" * 20)
    ((_, request),) = session.asked
    assert request.add.magnet == "magnet:?xt=urn:btih:" + "ab" * 20
    assert request.pieces is None


def test_one_that_is_there_is_a_duplicate(caller: Any) -> None:
    again = base64.b64encode(b"again").decode()
    assert set(caller.call("torrent_import", metainfo=again).result) == {"torrent_duplicate"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"metainfo": None}, {"pieces": "no base64"}, {"pieces": 5}, {"file_times": [1.5]},
        {"file_times": "x"}, {"partial_suffix": "/../x"}, {"peers": ["nobody"]},
        {"uploaded_ever": -1}, {"added_date": 2**50}, {"download_dir": "data"},
        {"pieces": "A" * 4_000_000}, {"changed_before": "x"},
    ],
)  # fmt: skip
def test_wrong_params_are_refused(caller: Any, session: Any, wrong: dict[str, Any]) -> None:
    params = {key: value for key, value in (TORRENT | wrong).items() if value is not None}
    assert caller.call("torrent_import", **params).json["error"]["code"] in (-32602, 3)
    assert session.asked == []


def test_no_path_and_no_url_is_read(caller: Any) -> None:
    for place in ("/etc/passwd", "http://192.0.2.1/x.torrent"):
        assert caller.call("torrent_import", filename=place).json["error"]["code"] == -32602


def test_what_the_session_refuses_is_an_error(caller: Any, session: Any) -> None:
    wrong = TORRENT | {"files_unwanted": [9]}
    assert caller.call("torrent_import", **wrong).json["error"]["code"] == 6
    session.fails_with = P2pdError("its data is not there")
    error = caller.call("torrent_import", **TORRENT).json["error"]
    assert (error["code"], error["data"]["error_string"]) == (5, "its data is not there")
