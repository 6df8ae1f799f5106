"""p2pctl create --remote: what the daemon is asked, how long it is waited for, what is written."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import Any

import pytest

from p2pd.testing import make_torrent

TORRENT = make_torrent({"film/a": b"a" * 20_000}, "v1")


class Tasks(dict[str, Any]):
    """Answers of a daemon that makes a torrent: task_get tells the states one after the other."""

    def __init__(self, *states: dict[str, Any]) -> None:
        super().__init__(torrent_create={"task_id": 7}, task_cancel={})
        self._states = itertools.chain(states, itertools.repeat(states[-1]))

    def __contains__(self, name: object) -> bool:
        return name == "task_get" or super().__contains__(name)

    def __getitem__(self, name: str) -> Any:
        return {"tasks": [next(self._states)]} if name == "task_get" else super().__getitem__(name)


def state(word: str, done: int = 0, **more: Any) -> dict[str, Any]:
    return {"state": word, "bytes_done": done, "bytes_total": 100, "error_string": "", **more}


DONE = state("done", 100, metainfo=base64.b64encode(TORRENT).decode())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_daemon_makes_it_and_it_is_written_here(p2pctl: Any, daemon: Any, here: Path) -> None:
    daemon.answers = Tasks(state("waiting"), state("hashing", 50), state("adding", 100), DONE)
    result = p2pctl(
        "create", "/srv/film", "--remote", "--add", "--label", "x", "-t", "http://a.test/a",
        "-t", "http://b.test/a", "-w", "http://w.test/", "--node", "[::1]:8", "--private",
        "--source", "s", "--comment", "c", "--piece-size", "64K", "--no-date", "--type", "v2",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert (here / "film.torrent").read_bytes() == TORRENT
    assert daemon.asked("torrent_create") == [
        {"path": "/srv/film", "version": "v2", "is_private": True, "dated": False,
         "tracker_list": "http://a.test/a\n\nhttp://b.test/a", "webseeds": ["http://w.test/"],
         "nodes": ["[::1]:8"],
         "piece_size": 65536, "source": "s", "comment": "c", "add": True, "labels": ["x"]},
    ]  # fmt: skip
    assert daemon.asked("task_get")[-1] == {"ids": [7], "metainfo": True}
    assert daemon.asked("task_cancel") == [{"id": 7}]


def test_a_failure_is_told_and_nothing_is_written(p2pctl: Any, daemon: Any, here: Path) -> None:
    daemon.answers = Tasks(state("hashing"), state("failed", error_string="it is a link"))
    result = p2pctl("create", "/srv/film", "--remote")
    assert result.exit_code == 1
    assert "it is a link" in result.output
    assert list(here.iterdir()) == []
    assert daemon.asked("task_cancel") == [{"id": 7}]


def test_who_is_interrupted_cancels_the_task(
    p2pctl: Any, daemon: Any, here: Path, invocation: Any
) -> None:
    daemon.answers = Tasks(state("hashing"))

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    invocation.sleep = interrupted
    assert p2pctl("create", "/srv/film", "--remote").exit_code == 1
    assert daemon.asked("task_cancel") == [{"id": 7}]


def test_options_of_remote_torrents_need_it(p2pctl: Any) -> None:
    assert p2pctl("create", "/srv/film", "--add").exit_code == 2
    assert p2pctl("create", "/srv/film", "--remote", "--label", "x").exit_code == 2
