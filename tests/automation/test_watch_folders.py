"""Watch folders over real files, on a virtual clock: what is taken, when, and what it becomes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from p2pd.automation.watching import folder_scan
from p2pd.automation.watching.notices import Notices
from p2pd.automation.watching.watch_folders import RESCAN_SECONDS, WatchFolders
from p2pd.base.errors import P2pdError, StorageError
from p2pd.session.settings.watch_settings import checked_watch_folders
from p2pd.session.torrents.torrent_requests import AddProblem, AddTorrent, AddTorrentError

MAGNET = "magnet:?xt=urn:btih:" + "ab" * 20


class Added:
    def __init__(self, duplicate: bool) -> None:
        self.duplicate = duplicate
        self.torrent = self
        self.name = "some torrent"


class FakeApi:
    """Takes what begins with d, and magnet links."""

    def __init__(self) -> None:
        self.settings = self
        self.private_folder = ""
        self.watch_folders: list[dict[str, Any]] = []
        self.asked: list[AddTorrent] = []
        self.refusal: P2pdError | None = None

    async def add(self, request: AddTorrent) -> Added:
        if self.refusal is not None:
            raise self.refusal
        if request.torrent is not None and not request.torrent.startswith(b"d"):
            raise AddTorrentError(AddProblem.CORRUPT, "it is no torrent")
        before = [(each.torrent, each.magnet) for each in self.asked]
        self.asked.append(request)
        return Added((request.torrent, request.magnet) in before)


class Watching:
    """Watch folders whose threads are none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.api = FakeApi()
        self.fetched: list[str] = []
        self.pages: dict[str, bytes | str] = {}
        api: Any = self.api
        self.watch = WatchFolders(api, None, self.clock, self._in_thread, self._fetch)

    def _in_thread(self, question: object, work: Callable[[], Any]) -> Deferred[Any]:
        return maybeDeferred(work)

    async def _fetch(self, url: str) -> bytes | str:
        self.fetched.append(url)
        if url not in self.pages:
            raise P2pdError("it does not answer")
        return self.pages[url]

    def begin(self, **options: Any) -> None:
        self.api.watch_folders = checked_watch_folders([{"folder": str(self.folder), **options}])
        self.watch.start()

    def put(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def run(self, seconds: float) -> None:
        self.clock.pump([1.0] * int(seconds))

    @property
    def names(self) -> set[str]:
        files = (path for path in self.folder.rglob("*") if not path.is_dir())
        return {str(path.relative_to(self.folder)) for path in files}

    @property
    def counts(self) -> dict[str, float]:
        (counts,) = (m for m in self.watch.measures() if m.name == "watch_folder_torrents_total")
        return {labels[0]: value for labels, value in counts.values.items()}


@pytest.fixture(autouse=True)
def no_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notices, "begin", lambda self: None)


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    folder = tmp_path / "watched"
    folder.mkdir()
    return Watching(folder)


def test_what_is_there_is_added_with_what_the_folder_says(watching: Watching) -> None:
    watching.put("a.torrent", b"da")
    watching.put("films/new, good/b.TORRENT", b"db")
    watching.put("c.magnet", f"  {MAGNET}\n".encode())
    watching.put("d.txt", b"dd")
    watching.put(".hidden.torrent", b"de")
    watching.begin(download_dir="/films", labels=["seen"], folder_labels=True, paused=True)
    watching.run(5)
    asked = {each.torrent or each.magnet: each for each in watching.api.asked}
    assert set(asked) == {b"da", b"db", MAGNET}
    assert asked[b"da"].labels == ("seen",)
    assert asked[b"db"].labels == ("seen", "films", "new  good")
    assert all(each.download_dir == "/films" and each.paused for each in asked.values())
    assert watching.names == {
        "a.torrent.added", "films/new, good/b.TORRENT.added", "c.magnet.added", "d.txt",
        ".hidden.torrent",
    }  # fmt: skip
    watching.run(3 * RESCAN_SECONDS)
    assert len(watching.api.asked) == 3
    assert watching.counts == {"added": 3, "duplicate": 0, "invalid": 0}


def test_sub_folders_are_left_alone_if_so_wished(watching: Watching) -> None:
    watching.put("a.torrent", b"da")
    watching.put("films/b.torrent", b"db")
    watching.begin(recursive=False)
    watching.run(5)
    assert [each.torrent for each in watching.api.asked] == [b"da"]


def test_a_file_that_is_still_written_is_waited_for(watching: Watching) -> None:
    watching.begin()
    watching.run(1)
    for size in range(1, 40):
        watching.put("a.torrent", b"d" * size)
        os.utime(watching.folder / "a.torrent", ns=(size, size))
        watching.run(2)
    assert watching.api.asked == []
    watching.run(RESCAN_SECONDS + 5)
    assert [each.torrent for each in watching.api.asked] == [b"d" * 39]


def test_one_that_makes_no_sense_is_tried_again_and_then_named_so(watching: Watching) -> None:
    watching.put("a.torrent", b"")
    watching.put("b.magnet", b"nothing here")
    watching.begin()
    watching.run(20)
    assert watching.names == {"a.torrent", "b.magnet"}
    watching.run(60)
    assert watching.names == {"a.torrent.invalid", "b.magnet.invalid"}
    assert watching.counts["invalid"] == 2


def test_one_that_becomes_whole_meanwhile_is_added(watching: Watching) -> None:
    path = watching.put("a.torrent", b"")
    watching.begin()
    watching.run(12)
    path.write_bytes(b"da")
    watching.run(RESCAN_SECONDS + 5)
    assert watching.names == {"a.torrent.added"}


def test_who_cannot_take_it_now_is_asked_again_and_the_file_is_not_blamed(
    watching: Watching,
) -> None:
    watching.put("a.torrent", b"da")
    watching.api.refusal = P2pdError("the database refused")
    watching.begin()
    watching.run(600)
    assert watching.names == {"a.torrent"}
    watching.api.refusal = None
    watching.run(40)
    assert watching.names == {"a.torrent.added"}


def test_what_is_here_already_is_put_away_too(watching: Watching) -> None:
    watching.put("a.torrent", b"da")
    watching.put("b.torrent", b"da")
    watching.begin(afterwards="delete")
    watching.run(5)
    assert watching.names == set()
    assert watching.counts == {"added": 1, "duplicate": 1, "invalid": 0}


def test_names_that_are_taken_are_not_written_over(watching: Watching) -> None:
    watching.put("a.torrent.added", b"old")
    watching.put("a.torrent", b"da")
    watching.begin()
    watching.run(5)
    assert watching.names == {"a.torrent.added", "a.torrent.2.added"}
    assert (watching.folder / "a.torrent.added").read_bytes() == b"old"


def test_files_are_moved_also_to_within_and_never_seen_there(watching: Watching) -> None:
    watching.put("deep/a.torrent", b"da")
    watching.put("done/a.torrent", b"dz")
    watching.begin(afterwards="move", move_to=str(watching.folder / "done"))
    watching.run(5)
    assert [each.torrent for each in watching.api.asked] == [b"da"]
    assert watching.names == {"done/a.torrent", "done/a.torrent.2"}


def test_files_are_copied_to_another_file_system(
    watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_device(*args: Any, **more: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(folder_scan.os, "rename", other_device)
    watching.put("a.torrent", b"da")
    watching.begin(afterwards="move", move_to=str(tmp_path / "done"))
    watching.run(5)
    assert watching.names == set()
    assert (tmp_path / "done" / "a.torrent").read_bytes() == b"da"


def test_links_in_texts_may_be_many_and_urls(watching: Watching) -> None:
    watching.pages["http://a.test/x.torrent"] = b"dx"
    watching.pages["https://a.test/m"] = MAGNET + "&dn=m"
    text = f"[InternetShortcut]\r\nURL=http://a.test/x.torrent\r\n{MAGNET}\nhttps://a.test/m\n"
    watching.put("many.url", text.encode())
    watching.begin()
    watching.run(5)
    assert [each.torrent or each.magnet for each in watching.api.asked] == [
        b"dx", MAGNET, MAGNET + "&dn=m",
    ]  # fmt: skip
    watching.put("gone.url", b"URL=http://gone.test/")
    watching.run(200)
    assert "gone.url" in watching.names
    assert len(watching.fetched) > 3


def test_nothing_is_followed_out_of_the_folder(watching: Watching, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.torrent").write_bytes(b"ds")
    (watching.folder / "way").symlink_to(outside)
    (watching.folder / "link.torrent").symlink_to(outside / "secret.torrent")
    os.mkfifo(watching.folder / "pipe.torrent")
    (watching.folder / "folder.torrent").mkdir()
    watching.begin(afterwards="delete")
    watching.run(100)
    assert watching.api.asked == []
    assert (outside / "secret.torrent").exists()
    assert (watching.folder / "link.torrent").is_symlink()


def test_what_the_daemon_keeps_is_left_alone(watching: Watching) -> None:
    watching.put("state/torrents/a.torrent", b"da")
    watching.api.private_folder = str(watching.folder / "state")
    watching.begin(afterwards="delete")
    watching.run(5)
    inner = {"folder": str(watching.folder / "state" / "torrents")}
    watching.api.watch_folders = checked_watch_folders([inner])
    watching.run(5)
    watching.put("b.torrent", b"db")
    moved = {"folder": str(watching.folder), "afterwards": "move", "move_to": inner["folder"]}
    watching.api.watch_folders = checked_watch_folders([moved])
    watching.run(5)
    assert watching.api.asked == []
    assert watching.names == {"state/torrents/a.torrent", "b.torrent"}


def test_a_file_that_is_swapped_for_a_link_is_not_read(watching: Watching, tmp_path: Path) -> None:
    (watched,) = checked_watch_folders([{"folder": str(watching.folder)}])
    rule = folder_scan.WatchFolder(**{**watched, "labels": ()})
    path = watching.put("sub/a.torrent", b"da")
    (found,) = folder_scan.scan(rule).files
    assert folder_scan.read(rule, found) == b"da"
    secret = tmp_path / "a.torrent"
    path.rename(secret)
    path.symlink_to(secret)
    with pytest.raises(StorageError):
        folder_scan.read(rule, found)
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(tmp_path)
    for act in (folder_scan.read, folder_scan.put_away, folder_scan.mark_invalid):
        with pytest.raises(StorageError):
            act(rule, found)
    assert secret.exists()


def test_a_look_is_bounded(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_scan, "MOST_FOUND", 3)
    monkeypatch.setattr(folder_scan, "MAX_TORRENT", 100)
    for number in range(10):
        watching.put(f"{number}.torrent", b"d%d" % number)
    watching.put("big.torrent", b"d" * 101)
    watching.begin()
    watching.run(400)
    assert len(watching.api.asked) == 10
    assert "big.torrent" in watching.names


def test_what_cannot_be_put_away_is_added_once(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*args: Any, **more: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(folder_scan.os, "rename", read_only)
    watching.put("a.torrent", b"da")
    watching.begin()
    watching.run(300)
    assert len(watching.api.asked) == 1


def test_folders_come_and_go_while_it_runs(watching: Watching, tmp_path: Path) -> None:
    watching.watch.start()
    watching.put("a.torrent", b"da")
    watching.run(10)
    assert watching.api.asked == []
    watching.api.watch_folders = checked_watch_folders([
        {"folder": str(tmp_path / "nowhere")}, {"folder": str(watching.folder)},
    ])  # fmt: skip
    watching.run(5)
    assert len(watching.api.asked) == 1
    watching.api.watch_folders = []
    watching.put("b.torrent", b"db")
    watching.run(100)
    assert len(watching.api.asked) == 1
    watching.watch.stop()
    assert watching.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("x", "not a list"),
        ([1], "an object with a folder"),
        ([{"folder": "x"}], "not an absolute path"),
        ([{"folder": "/x\0"}], "not an absolute path"),
        ([{"folder": "/x"}, {"folder": "/x/"}], "twice"),
        ([{"folder": "/x", "colour": 1}], "has no colour"),
        ([{"folder": "/x", "labels": ["a,b"]}], "not a label"),
        ([{"folder": "/x", "labels": "ab"}], "labels"),
        ([{"folder": "/x", "recursive": 1}], "not true or false"),
        ([{"folder": "/x", "afterwards": "burn"}], "not one of"),
        ([{"folder": "/x", "afterwards": []}], "not one of"),
        ([{"folder": "/x", "afterwards": "move"}], "move_to"),
        ([{"folder": "/x", "afterwards": "move", "move_to": "/x"}], "itself"),
        ([{"folder": f"/{number}"} for number in range(51)], "at most 50"),
    ],
)
def test_settings_that_make_no_sense_are_refused(value: Any, words: str) -> None:
    with pytest.raises(P2pdError, match=words):
        checked_watch_folders(value)


def test_what_is_there_is_its_owners(watching: Watching) -> None:
    asked: list[tuple[str, bytes | None]] = []

    async def add_for(owner: str, request: AddTorrent) -> Added:
        asked.append((owner, request.torrent))
        if len(asked) == 1:
            raise P2pdError("bob may have 5 torrents, and has them")
        return Added(False)

    watching.watch._add_for = add_for  # type: ignore[assignment]
    watching.put("a.torrent", b"da")
    watching.begin(owner="bob")
    watching.run(10)
    assert asked == [("bob", b"da")]
    assert watching.names == {"a.torrent"}, "it waits until there is room"
    watching.run(40)
    assert asked == [("bob", b"da")] * 2
    assert watching.names == {"a.torrent.added"}


def test_a_setting_is_kept_whole() -> None:
    (kept,) = checked_watch_folders([{"folder": "/x/"}])
    assert kept == {
        "folder": "/x", "recursive": True, "download_dir": "", "labels": [],
        "folder_labels": False, "paused": None, "afterwards": "keep", "move_to": "",
        "owner": "",
    }  # fmt: skip
    assert checked_watch_folders([kept]) == [kept]
