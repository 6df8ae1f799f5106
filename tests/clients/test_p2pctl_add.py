"""p2pctl add and create."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from p2pd.formats.metainfo import parse_torrent

ADDED = {"torrent_added": {"id": 2, "name": "other film", "hash_string": "02ab" * 10}}


@pytest.fixture
def adding(daemon: Any) -> Any:
    """A daemon that adds everything as torrent 2."""
    daemon.answers["torrent_add"] = ADDED
    return daemon


def finishing(daemon: Any, *steps: dict[str, Any]) -> None:
    """Let torrent 2 change by one step at each sleep."""
    left = list(steps)

    def sleep(_: float) -> None:
        daemon.torrents[1].update(left.pop(0))

    daemon.step = sleep


def test_a_file(p2pctl: Any, adding: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.torrent"
    path.write_bytes(b"d4:info")
    result = p2pctl("add", str(path))
    assert result.output == "2 other film: added\n"
    assert adding.asked("torrent_add") == [{"metainfo": base64.b64encode(b"d4:info").decode()}]


@pytest.mark.parametrize("source", ["magnet:?xt=urn:btih:00", "https://x.test/a", "AB" * 20])
def test_places(p2pctl: Any, adding: Any, source: str) -> None:
    assert p2pctl("add", source).exit_code == 0
    assert adding.asked("torrent_add") == [{"filename": source}]


def test_wishes(p2pctl: Any, adding: Any) -> None:
    p2pctl(
        "add", "magnet:?x", "--paused", "--download-dir", "here", "--label", "a", "--label", "b",
        "--sequential",
    )  # fmt: skip
    assert adding.asked("torrent_add") == [
        {
            "filename": "magnet:?x",
            "paused": True,
            "download_dir": str(Path.cwd() / "here"),
            "labels": ["a", "b"],
            "sequential_download": True,
        }
    ]


def test_limits_group_and_place_in_the_queue(p2pctl: Any, adding: Any) -> None:
    limits = ["--ratio", "2", "--time", "7d", "--then", "super-seed", "--up", "500"]
    place = ["--group", "slow", "--queue-position", "0", "--priority", "low"]
    assert p2pctl("add", "magnet:?x", *limits, *place, "--ignore-session").exit_code == 0
    assert p2pctl("add", "magnet:?x", "--down", "none").exit_code == 0
    assert adding.asked("torrent_add") == [
        {
            "filename": "magnet:?x", "seed_ratio_mode": 1, "seed_ratio_limit": 2.0,
            "seed_time_mode": 1, "seed_time_limit": 10080, "seed_limit_action": "super_seed",
            "upload_limit": 500, "group": "slow", "queue_position": 0, "bandwidth_priority": -1,
            "honors_session_limits": False,
        },
        {"filename": "magnet:?x"},
    ]  # fmt: skip


def test_another_name_and_layout(p2pctl: Any, adding: Any) -> None:
    assert p2pctl("add", "magnet:?x", "--name", "new", "--layout", "no-subfolder").exit_code == 0
    assert adding.asked("torrent_add") == [
        {"filename": "magnet:?x", "name": "new", "content_layout": "no_subfolder"}
    ]
    assert p2pctl("add", "magnet:?x", "magnet:?y", "--name", "new").exit_code == 2
    assert p2pctl("add", "magnet:?x", "--layout", "flat").exit_code == 2


def test_a_duplicate_and_json(p2pctl: Any, adding: Any) -> None:
    adding.answers["torrent_add"] = {"torrent_duplicate": ADDED["torrent_added"]}
    assert "is there already" in p2pctl("add", "magnet:?x").output
    told = json.loads(p2pctl("add", "magnet:?x", "--json").output)
    assert told == [ADDED["torrent_added"] | {"duplicate": True}]


def test_what_cannot_be_added(p2pctl: Any, adding: Any, tmp_path: Path) -> None:
    result = p2pctl("add", str(tmp_path / "gone.torrent"))
    assert result.exit_code == 1
    assert "No such file" in result.output
    assert p2pctl("add", str(tmp_path)).exit_code == 1
    assert p2pctl("add").exit_code == 2
    assert p2pctl("add", "--wait", "--paused", "magnet:?x").exit_code == 2
    assert p2pctl("add", "--wait", "--metadata-only", "magnet:?x").exit_code == 2
    adding.answers["torrent_add"] = {"error": {"code": 9, "message": "corrupt"}}
    assert p2pctl("add", "magnet:?x").output == "Error: corrupt\n"


def test_waiting_until_it_is_done(p2pctl: Any, adding: Any, invocation: Any) -> None:
    finishing(
        adding,
        {"percent_done": 0.5},
        {"left_until_done": 0, "status": 2},
        {"left_until_done": 0, "percent_done": 1.0, "status": 6},
    )
    invocation.sleep = adding.step
    result = p2pctl("add", "magnet:?x", "--wait")
    assert result.exit_code == 0
    assert "100% of 9.5 MiB, done" in result.output
    assert len(adding.asked("torrent_get")) == 4
    assert p2pctl("add", "magnet:?x", "--wait", "--json").exit_code == 0


def test_a_magnet_is_not_done_before_its_metadata_is_here(
    p2pctl: Any, adding: Any, invocation: Any
) -> None:
    adding.torrents[1] |= {"metadata_percent_complete": 0, "left_until_done": 0}
    finishing(
        adding, {"metadata_percent_complete": 1, "left_until_done": 9}, {"left_until_done": 0}
    )
    invocation.sleep = adding.step
    assert p2pctl("add", "magnet:?x", "--wait").exit_code == 0
    assert len(adding.asked("torrent_get")) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"error": 3, "error_string": "the disk is full"}, "other film: the disk is full"),
        ({"status": 0}, "was stopped"),
        ({"id": 99}, "was removed"),
    ],
)
def test_waiting_in_vain(p2pctl: Any, adding: Any, change: dict[str, Any], words: str) -> None:
    adding.torrents[1].update(change)
    result = p2pctl("add", "magnet:?x", "--wait")
    assert result.exit_code == 1
    assert words in result.output


def test_waiting_has_a_time_out(p2pctl: Any, adding: Any, invocation: Any) -> None:
    times = iter(range(0, 100, 10))
    invocation.clock = lambda: next(times)
    result = p2pctl("add", "magnet:?x", "--wait", "--timeout", "25")
    assert result.exit_code == 4
    assert "not downloaded within 25 seconds" in result.output
    assert len(adding.asked("torrent_get")) == 3


class TestCreate:
    """p2pctl create, over the real creator."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "album"
        folder.mkdir()
        (folder / "a.flac").write_bytes(b"a" * 70_000)
        (folder / "b.flac").write_bytes(b"b" * 10)
        return folder

    @pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
    def test_a_folder(self, p2pctl: Any, folder: Path, tmp_path: Path, version: str) -> None:
        output = tmp_path / "out.torrent"
        result = p2pctl(
            "create", str(folder), "-o", str(output), "--type", version, "--private",
            "-t", "http://a.test/announce", "-t", "udp://b.test:1/announce", "--piece-size", "32K",
            "--comment", "words", "--source", "S", "-w", "http://seed.test/", "--json",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        facts = json.loads(result.output)
        metainfo = parse_torrent(output.read_bytes())
        assert metainfo.version == version
        assert facts["hash_string"] == metainfo.info_hashes.hash_string
        assert metainfo.trackers == (("http://a.test/announce",), ("udp://b.test:1/announce",))
        assert (metainfo.private, metainfo.source, metainfo.comment) == (True, "S", "words")
        assert metainfo.piece_length == 32768
        assert metainfo.web_seeds == ("http://seed.test/",)

    def test_the_name_it_gets(
        self, p2pctl: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        result = p2pctl("create", "album/", "--no-date")
        assert result.exit_code == 0, result.output
        metainfo = parse_torrent((tmp_path / "album.torrent").read_bytes())
        assert metainfo.creation_date is None
        assert metainfo.info_hashes.hash_string in result.output
        again = p2pctl("create", "album")
        assert again.exit_code == 1
        assert "--force" in again.output
        assert p2pctl("create", "album", "--force").exit_code == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["album", "album.torrent"]

    def test_refusals(self, p2pctl: Any, folder: Path, tmp_path: Path) -> None:
        output = str(tmp_path / "o")
        empty = tmp_path / "empty"
        empty.mkdir()
        for path in (str(empty), str(tmp_path / "gone")):
            result = p2pctl("create", path, "-o", output)
            assert result.exit_code == 1
            assert result.output.startswith("Error: ")
        assert p2pctl("create", str(folder), "--piece-size", "many").exit_code == 2
        assert p2pctl("create", str(folder), "-o", str(tmp_path / "no" / "where")).exit_code == 1
        assert not (tmp_path / "o").exists()


def test_data_is_looked_for_and_where_it_is_is_said(p2pctl: Any, daemon: Any) -> None:
    facts = {"id": 4, "hash_string": "ab", "name": "film", "data_found_in": "/srv/\x1bold"}
    daemon.answers["torrent_add"] = {"torrent_added": facts}
    result = p2pctl("add", "magnet:?xt=x", "--find")
    assert (
        result.output == "4 film: added; what looks like its data is in /srv/old and is checked\n"
    )
    p2pctl("add", "magnet:?xt=x", "--find-link")
    p2pctl("add", "magnet:?xt=x")
    asked = [params.get("find_data") for params in daemon.asked("torrent_add")]
    assert asked == ["in_place", "hard_link", None]


def test_a_link_is_added_to_see_what_it_is(p2pctl: Any, adding: Any) -> None:
    assert p2pctl("add", "--metadata-only", "magnet:?x").exit_code == 0
    assert adding.calls[-1][1]["metadata_only"] is True
