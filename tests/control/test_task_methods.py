"""torrent_create, task_get, task_cancel: what is asked of the session, and how it is told."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.control.errors import RpcCode
from p2pd.session.creating.creation_api import CreatedTorrent, CreateTorrent, TaskState, TaskView
from tests.control.fake_torrents import NOW

MADE = CreatedTorrent(b"d4:infoe", "film", "ab" * 20, "magnet:?xt=x", 16384)
TASKS = [
    TaskView(3, "/downloads/film", TaskState.HASHING, "", NOW - 5.5, 10, 30, 2.5, 8, None, None),
    TaskView(4, "/downloads/film", TaskState.DONE, "", NOW - 9, 30, 30, 0.0, 0, MADE, 7),
]


class FakeCreating:
    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.refusal: P2pdError | None = None

    async def create(self, request: CreateTorrent) -> int:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(request)
        return 5

    def tasks(self) -> list[TaskView]:
        return TASKS

    def cancel(self, number: int) -> bool:
        self.asked.append(number)
        return number == 3


@pytest.fixture
def creating(session: Any) -> FakeCreating:
    session.creating = FakeCreating()
    return session.creating


def test_what_is_asked_for_is_handed_on(caller: Any, creating: FakeCreating) -> None:
    result = caller.call(
        "torrent_create", path="/downloads/film", version="hybrid", piece_size=65536,
        tracker_list="http://a.test/announce\nhttp://b.test/announce\n\nudp://c.test:1/announce",
        webseeds=["http://w.test/"], nodes=["n.test:7", "[::1]:8"], is_private=True, source="me",
        comment="words", add=True, paused=True, labels=["x"],
    ).result  # fmt: skip
    assert result == {"task_id": 5}
    (request,) = creating.asked
    options = request.options
    assert (request.path, request.add, request.paused, request.labels) == (
        "/downloads/film", True, True, ("x",),
    )  # fmt: skip
    assert (options.version, options.piece_length, options.private) == ("hybrid", 65536, True)
    assert options.trackers == (
        ("http://a.test/announce", "http://b.test/announce"), ("udp://c.test:1/announce",),
    )  # fmt: skip
    assert (options.web_seeds, options.source, options.comment) == (
        ("http://w.test/",), "me", "words",
    )  # fmt: skip
    assert options.nodes == (("n.test", 7), ("::1", 8))
    assert options.creation_date == int(NOW)


def test_little_has_to_be_said(caller: Any, creating: FakeCreating) -> None:
    caller.call("torrent_create", path="/downloads/film", dated=False)
    (request,) = creating.asked
    assert request.options.piece_length is None
    assert request.options.creation_date is None
    assert request.options.version == "v1"
    assert not request.add


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, RpcCode.INVALID_PARAMS),
        ({"path": "film"}, RpcCode.PATH_NOT_ABSOLUTE),
        ({"path": "/x", "version": "v3"}, RpcCode.INVALID_PARAMS),
        ({"path": "/x", "piece_size": -1}, RpcCode.INVALID_PARAMS),
        ({"path": "/x", "tracker_list": "no tracker"}, RpcCode.INVALID_TRACKER_LIST),
        ({"path": "/x", "webseeds": "http://w.test"}, RpcCode.INVALID_PARAMS),
        ({"path": "/x", "nodes": ["n.test"]}, RpcCode.INVALID_PARAMS),
        ({"path": "/x", "labels": ["a,b"]}, RpcCode.INVALID_PARAMS),
    ],
)
def test_nonsense_is_refused(
    caller: Any, creating: FakeCreating, params: dict[str, Any], code: RpcCode
) -> None:
    assert caller.call("torrent_create", **params).error[0] == code
    assert creating.asked == []


def test_a_refusal_is_a_sentence(caller: Any, creating: FakeCreating) -> None:
    creating.refusal = P2pdError("it is a link")
    code, words = caller.call("torrent_create", path="/x").error
    assert code == RpcCode.SYSTEM_ERROR
    assert "it is a link" in words


def test_tasks_are_told(caller: Any, creating: FakeCreating) -> None:
    hashing, done = caller.call("task_get").result["tasks"]
    assert hashing == {
        "began_date": int(NOW - 5.5), "bytes_done": 10, "bytes_total": 30, "error_string": "",
        "eta": 8, "hash_string": "", "id": 3, "magnet_link": "", "name": "",
        "path": "/downloads/film", "piece_size": 0, "rate": 2, "state": "hashing",
        "torrent_id": None,
    }  # fmt: skip
    assert (done["name"], done["torrent_id"], done["magnet_link"]) == ("film", 7, "magnet:?xt=x")
    assert "metainfo" not in done
    assert caller.call("task_get", ids=[9]).result == {"tasks": []}
    (one,) = caller.call("task_get", ids=[4], metainfo=True).result["tasks"]
    assert base64.b64decode(one["metainfo"]) == MADE.torrent
    assert caller.call("task_get", metainfo=True).error[0] == RpcCode.INVALID_PARAMS


def test_a_task_is_cancelled(caller: Any, creating: FakeCreating) -> None:
    assert caller.call("task_cancel", id=3).result == {}
    assert "there is no task 8" in caller.call("task_cancel", id=8).error[1]
