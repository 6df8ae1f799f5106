"""p2pctl import: what other programs left is found, handed over, and told of to the end."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import P2pdError
from p2pd.clients.api_client import ApiError
from p2pd.clients.importing import qbittorrent_folder, state_files
from p2pd.clients.importing.handing_over import Wishes, params_of
from p2pd.clients.importing.programs import PROGRAMS, State, find_state
from p2pd.clients.importing.still_running import Running, running_on
from p2pd.formats import bencode
from p2pd.formats.foreign import deluge
from p2pd.formats.magnet import parse_magnet
from p2pd.formats.metainfo import parse_torrent
from tests.formats.recorded_state import RECORDED, by_name

FOLDERS = {
    "transmission": "transmission", "qbittorrent": "qbittorrent_folder", "deluge": "deluge",
    "rtorrent": "rtorrent",
}  # fmt: skip
COUNTS = {"transmission": 4, "qbittorrent": 4, "deluge": 4, "rtorrent": 3}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """The recorded state of all programs, as they keep it."""
    shutil.copytree(RECORDED, tmp_path / "state")
    backup = tmp_path / "state" / "qbittorrent_folder" / "BT_backup"
    shutil.copytree(RECORDED / "qbittorrent", backup)
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def nobody_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs on the machine of the tests is no matter."""
    monkeypatch.setattr("p2pd.clients.cli.imports.running_on", lambda state: None)


@pytest.fixture
def willing(daemon: Any) -> Any:
    """A daemon that takes everything."""
    daemon.answers["torrent_import"] = {
        "torrent_imported": {"id": 7, "name": "x", "hash_string": "ab", "paused": False},
        "pieces_claimed": 9, "pieces_believed": 9, "pieces_to_check": 0, "pieces_missing": 0,
        "problem": "",
    }  # fmt: skip
    return daemon


@pytest.mark.parametrize("program", list(PROGRAMS))
def test_all_torrents_of_a_folder_are_handed_over(
    p2pctl: Any, willing: Any, folders: Path, program: str
) -> None:
    result = p2pctl("import", program, str(folders / FOLDERS[program]))
    assert result.exit_code == 0, result.output
    count = COUNTS[program]
    assert f"{count} torrents taken over from " in result.output
    assert f"[{count}/{count}] 7 " in result.output
    calls = willing.asked("torrent_import")
    assert len(calls) == count
    whole = next(call for call in calls if call["labels"])
    assert parse_torrent(base64.b64decode(whole["metainfo"])).name == "Linux set"
    assert base64.b64decode(whole["pieces"]) == b"\xff\x80"
    assert (whole["files_unwanted"], whole["priority_high"]) == ([1], [2])
    assert whole["download_dir"].endswith("/down")
    assert whole["changed_before"] > 0
    assert not whole["dry_run"]


def test_the_database_of_qbittorrent_is_read_and_nothing_is_written(
    p2pctl: Any, willing: Any, folders: Path
) -> None:
    place = folders / "qbittorrent_database"
    before = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}
    result = p2pctl("import", "qbittorrent", str(place), "--paused", "--label", "from qb")
    assert "4 torrents taken over" in result.output
    assert {path.name: path.stat().st_mtime_ns for path in place.iterdir()} == before
    calls = willing.asked("torrent_import")
    assert all(call["paused"] and "from qb" in call["labels"] for call in calls)
    assert {call.get("partial_suffix") for call in calls} == {"", ".!qB", None}


def test_priorities_groups_and_what_is_given_come_along(
    p2pctl: Any, willing: Any, folders: Path
) -> None:
    place = folders / "transmission"
    groups = {"night": {"uploadLimit": 50, "uploadLimited": True}, "here": {}}
    (place / "bandwidth-groups.json").write_text(json.dumps(groups))
    willing.answers["group_get"] = {"group": [{"name": "here"}]}
    assert p2pctl("import", "transmission", str(place), "--dry-run").exit_code == 0
    assert willing.asked("group_set") == []
    willing.calls.clear()
    assert p2pctl("import", "transmission", str(place)).exit_code == 0
    assert willing.asked("group_set") == [
        {"name": "night", "honors_session_limits": True, "speed_limit_up": 50,
         "speed_limit_up_enabled": True}
    ]  # fmt: skip
    whole = next(call for call in willing.asked("torrent_import") if call["labels"])
    assert (whole["seed_ratio_mode"], whole["seed_ratio_limit"]) == (1, 2.5)
    willing.calls.clear()
    p2pctl("import", "rtorrent", str(folders / "rtorrent"))
    levels = [call["bandwidth_priority"] for call in willing.asked("torrent_import")]
    assert sorted(levels) == [0, 0, 1]


def test_torrents_come_as_they_stood_in_the_queue(p2pctl: Any, willing: Any, folders: Path) -> None:
    hashes = sorted(path.stem for path in (RECORDED / "transmission" / "resume").iterdir())
    queue = [hashes[2], hashes[0]]
    transmission = folders / "transmission"
    (transmission / "queue.json").write_text(json.dumps([f"{name}.torrent" for name in queue]))
    backup = folders / "qbittorrent_folder" / "BT_backup"
    (backup / "queue").write_text("\n".join(queue))
    for program, place in (("transmission", transmission), ("qbittorrent", backup.parent)):
        willing.calls.clear()
        p2pctl("import", program, str(place))
        names = [_hash_of(call) for call in willing.asked("torrent_import")]
        assert names[:2] == queue, program
        assert sorted(names) == hashes


def _hash_of(call: dict[str, Any]) -> str:
    if "filename" in call:
        return parse_magnet(call["filename"]).info_hashes.hash_string
    return parse_torrent(base64.b64decode(call["metainfo"])).info_hashes.hash_string


def test_the_database_of_qbittorrent_is_in_the_order_of_its_queue(folders: Path) -> None:
    place = folders / "qbittorrent_database"

    def names_by(position: str) -> list[str]:
        with contextlib.closing(sqlite3.connect(place / "torrents.db")) as database, database:
            database.execute(f"UPDATE torrents SET queue_position = {position}")
        return [one.name for one in qbittorrent_folder.read_all(place)[1]]

    first, second, third, fourth = names_by("id")
    assert names_by("CASE WHEN id % 2 THEN -1 ELSE 9 - id END") == [fourth, second, first, third]


def test_deluge_is_in_the_order_of_its_queue() -> None:
    data = (RECORDED / "deluge" / "state" / "torrents.state").read_bytes()
    places = [one.number("queue") for one in deluge.read_state(data)]
    assert places == [0, 1, -1, -1]


def test_who_may_not_have_groups_is_told_and_gets_the_torrent(
    p2pctl: Any, willing: Any, folders: Path
) -> None:
    place = folders / "rtorrent"
    kept = next(place.glob("*.rtorrent"))
    state = bencode.decode(kept.read_bytes())
    kept.write_bytes(bencode.encode(state | {b"throttle_name": b"slow"}))
    reply = willing._reply

    def refusing(call: dict[str, Any]) -> dict[str, Any]:
        if call["params"].get("group"):
            return {"error": {"code": 403, "message": "x", "data": {"error_string": "no"}}}
        answer: dict[str, Any] = reply(call)
        return answer

    willing._reply = refusing
    result = p2pctl("import", "rtorrent", str(place))
    assert result.exit_code == 0, result.output
    assert "Not kept of 1 torrent: its bandwidth group (slow)" in result.output
    assert "3 torrents taken over" in result.output


def test_a_dry_run_is_a_table(p2pctl: Any, willing: Any, folders: Path) -> None:
    result = p2pctl("import", "transmission", str(folders / "transmission"), "--dry-run")
    assert result.exit_code == 0
    assert "4 torrents would be taken over" in result.output
    row = next(line for line in result.output.splitlines() if line.endswith("half.bin"))
    assert row.split()[:3] == ["34.7%", "2.9", "MiB"]
    assert all(call["dry_run"] for call in willing.asked("torrent_import"))


def test_folders_that_are_elsewhere_are_mapped(p2pctl: Any, willing: Any, folders: Path) -> None:
    options = ["--map", "/srv=/x", "--map", "/srv/recorded/dl=/data"]
    p2pctl("import", "deluge", str(folders / "deluge"), *options)
    assert {call["download_dir"] for call in willing.asked("torrent_import")} == {"/data/down"}
    assert Wishes(moved=[("/srv", "/x")]).folder("/srvother") == "/srvother"
    assert p2pctl("import", "deluge", "--map", "here=/x").exit_code == 2


def test_one_bad_file_does_not_stop_the_others(p2pctl: Any, willing: Any, folders: Path) -> None:
    resume = folders / "transmission" / "resume"
    bad, *_ = sorted(resume.iterdir())
    bad.write_bytes(b"d4:name")
    os.mkfifo(resume / "pipe.resume")
    result = p2pctl("import", "transmission", str(folders / "transmission"))
    assert result.exit_code == 1
    assert "3 torrents taken over" in result.output
    assert ", 2 not" in result.output
    assert f"{bad.stem}: not taken over" in result.output
    assert "is not a regular file" in result.output


def test_what_is_there_already_is_counted(p2pctl: Any, daemon: Any, folders: Path) -> None:
    daemon.answers["torrent_import"] = {"torrent_duplicate": {"id": 3, "name": "x"}}
    result = p2pctl("import", "rtorrent", str(folders / "rtorrent"))
    assert result.exit_code == 0
    assert "0 torrents taken over" in result.output
    assert ", 3 there already" in result.output
    assert "3 Linux set: is there already" in result.output


def test_what_the_daemon_refuses_is_told_with_a_hint(
    p2pctl: Any, daemon: Any, folders: Path
) -> None:
    daemon.raises = ApiError(5, "its data is not there: /srv: No such file or directory")
    result = p2pctl("import", "rtorrent", str(folders / "rtorrent"))
    assert result.exit_code == 1
    assert "Linux set: not taken over: its data is not there: /srv" in result.output
    assert "--map OLD=NEW" in result.output
    assert len(result.output.splitlines()) > 4


def test_a_daemon_that_cannot_do_it_ends_it_at_once(
    p2pctl: Any, daemon: Any, folders: Path
) -> None:
    daemon.raises = ApiError(-32601, "Method not found")
    result = p2pctl("import", "rtorrent", str(folders / "rtorrent"))
    assert result.exit_code == 1
    assert "taken over" not in result.output


def test_as_json(p2pctl: Any, willing: Any, folders: Path) -> None:
    result = p2pctl("import", "deluge", str(folders / "deluge"), "--json")
    told = json.loads(result.output)
    assert (told["program"], told["imported"], told["refused"]) == ("deluge", 4, 0)
    assert {row["what"] for row in told["torrents"]} == {"imported"}


def test_a_folder_without_torrents_is_an_error(p2pctl: Any, tmp_path: Path) -> None:
    for program in PROGRAMS:
        result = p2pctl("import", program, str(tmp_path))
        assert result.exit_code == 1
        assert "holds no torrents of" in result.output


def test_the_usual_folders_are_looked_through(folders: Path, tmp_path: Path) -> None:
    user = tmp_path / "home"
    usual = {
        "transmission": (".config/transmission-daemon", "transmission"),
        "qbittorrent": (".local/share/qBittorrent", "qbittorrent_folder"),
        "deluge": (".config/deluge", "deluge"),
        "rtorrent": (".rtorrent/session", "rtorrent"),
    }
    for program, (place, recorded) in usual.items():
        shutil.copytree(folders / recorded, user / place)
        assert find_state(program, None, {"HOME": str(user)}).folder == user / place
    (user / ".rtorrent.rc").write_text('session.path.set = "~/elsewhere"\n')
    shutil.copytree(folders / "rtorrent", user / "elsewhere")
    assert find_state("rtorrent", None, {"HOME": str(user)}).folder == user / "elsewhere"


def test_where_nothing_is_found_the_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(P2pdError, match=r"no torrents of rtorrent were found in .*\.session"):
        find_state("rtorrent", None, {"HOME": str(tmp_path)})


def test_a_renamed_one_is_stopped_and_claims_nothing() -> None:
    found = by_name("qbittorrent")["Linux set"]
    found.obstacle = "a.bin is kept as b.bin there"
    params = params_of(found, Wishes())
    assert params["paused"]
    assert "pieces" not in params


def test_names_that_were_given_are_handed_over(tmp_path: Path) -> None:
    found = by_name("transmission")["half.bin"]
    assert "file_names" not in params_of(found, Wishes())
    found.file_names = ("other.bin",)
    assert params_of(found, Wishes())["file_names"] == ["other.bin"]
    found.other_folder = str(tmp_path)
    (tmp_path / "other.bin.part").touch()
    assert params_of(found, Wishes())["download_dir"] == str(tmp_path)


def test_one_that_is_not_complete_is_found_in_its_other_folder(tmp_path: Path) -> None:
    found = by_name("transmission")["half.bin"]
    found.other_folder = str(tmp_path)
    params = params_of(found, Wishes())
    assert (params["download_dir"], params["final_dir"]) == (found.folder, "")
    (tmp_path / "half.bin.part").touch()
    params = params_of(found, Wishes())
    assert (params["download_dir"], params["final_dir"]) == (str(tmp_path), found.folder)
    assert found.left_out == []


def test_too_big_a_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(11))
    with pytest.raises(P2pdError, match="bigger than 10 bytes"):
        state_files.read(tmp_path / "big", 10)
    assert state_files.read_if_there(tmp_path / "none") is None


# -- programs that run ------------------------------------------------------------------------


def process(root: Path, pid: int, name: str, *words: str, opens: Path | None = None) -> None:
    place = root / str(pid)
    (place / "fd").mkdir(parents=True)
    (place / "comm").write_text(name[:15] + "\n")
    (place / "cmdline").write_bytes(b"\0".join(word.encode() for word in words) + b"\0")
    if opens is not None:
        (place / "fd" / "5").symlink_to(opens)


def test_who_runs_on_the_folder_is_found_by_lock_words_and_files(tmp_path: Path) -> None:
    root, folder = tmp_path / "proc", tmp_path / "state"
    folder.mkdir()
    process(root, 1, "init", "/sbin/init")
    state = State(PROGRAMS["deluge"], folder)
    assert running_on(state, root) is None
    process(root, 20, "deluged", "/usr/bin/python3", "/usr/bin/deluged")
    assert running_on(state, root) == Running(20, "deluged", False)
    (folder / "deluged.pid").write_text("20;58846")
    assert running_on(state, root) == Running(20, "deluged", True)
    transmission = State(PROGRAMS["transmission"], folder)
    process(root, 30, "transmission-da", "transmission-daemon", "-g", str(folder))
    assert running_on(transmission, root) == Running(30, "transmission-da", True)
    rtorrent = State(PROGRAMS["rtorrent"], folder)
    (folder / "rtorrent.lock").write_text("host:+41")
    process(root, 40, "rtorrent main", "rtorrent")
    assert running_on(rtorrent, root) == Running(40, "rtorrent main", False)
    process(root, 42, "rtorrent main", "rtorrent", opens=folder / "x")
    assert running_on(rtorrent, root) == Running(42, "rtorrent main", True)


def test_a_program_that_runs_on_the_folder_is_refused_or_warned_of(
    p2pctl: Any, willing: Any, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(5, "rtorrent", True)
    monkeypatch.setattr("p2pd.clients.cli.imports.running_on", lambda state: running)
    command = ["import", "rtorrent", str(folders / "rtorrent")]
    result = p2pctl(*command)
    assert result.exit_code == 1
    assert "rtorrent (process 5) runs on" in result.output
    assert willing.asked("torrent_import") == []
    for option in ("--force", "--dry-run"):
        assert p2pctl(*command, option).exit_code == 0
    running = Running(5, "rtorrent", False)
    assert p2pctl(*command).exit_code == 0


# -- a database that is not what it seems -----------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE other (x)",
        "CREATE VIEW torrents AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT count(*) FROM n",
    ],
)
def test_a_database_of_another_kind_is_an_error(
    p2pctl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(qbittorrent_folder, "MAX_STEPS", 10)
    with contextlib.closing(sqlite3.connect(tmp_path / "torrents.db")) as database:
        database.executescript(script)
    result = p2pctl("import", "qbittorrent", str(tmp_path))
    assert result.exit_code == 1
    assert "torrents.db cannot be read: " in result.output


def test_a_database_that_is_none_is_an_error(p2pctl: Any, tmp_path: Path) -> None:
    (tmp_path / "torrents.db").write_bytes(b"not a database at all" * 100)
    result = p2pctl("import", "qbittorrent", str(tmp_path))
    assert result.exit_code == 1
    assert "torrents.db cannot be read: " in result.output


def test_state_of_deluge_without_its_progress_still_comes(
    p2pctl: Any, willing: Any, folders: Path
) -> None:
    (folders / "deluge/state/torrents.fastresume").write_bytes(b"cut off")
    (folders / "deluge/label.conf").unlink()
    result = p2pctl("import", "deluge", str(folders / "deluge"))
    assert result.exit_code == 0
    assert "Not kept of 4 torrents: its totals and progress (" in result.output
    assert not any("pieces" in call for call in willing.asked("torrent_import"))
