"""p2pctl watch-folders: what is watched, and how."""

from __future__ import annotations

import json
from typing import Any

FOLDER = {
    "folder": "/srv/watch", "recursive": True, "download_dir": "", "labels": ["a", "b\x1b"],
    "folder_labels": True, "paused": None, "afterwards": "keep", "move_to": "",
    "owner": "bob",
}  # fmt: skip
OTHER = FOLDER | {"folder": "/other", "afterwards": "move", "move_to": "/done", "labels": []}


def test_folders_are_shown(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["session_get"] = {"watch_folders": [FOLDER, OTHER]}
    _, first, second = p2pctl("watch-folders").output.splitlines()
    assert "a, b, their folders" in first
    assert first.split()[-3:] == ["bob", "named", ".added"]
    assert second.endswith("moved to /done")
    daemon.answers["session_get"] = {"watch_folders": []}
    assert "no folder is watched" in p2pctl("watch-folders").output
    daemon.answers["session_get"] = {"watch_folders": [FOLDER, OTHER]}
    assert json.loads(p2pctl("watch-folders", "--json").output) == [FOLDER, OTHER]


def test_a_folder_is_watched_in_another_way(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["session_get"] = {"watch_folders": [FOLDER, OTHER]}
    p2pctl(
        "watch-folders", "/srv/watch", "--flat", "--label", "x", "--download-dir", "/films",
        "--paused", "--delete", "--owner", "",
    )  # fmt: skip
    assert daemon.asked("session_set") == [
        {"watch_folders": [OTHER, {
            "folder": "/srv/watch", "recursive": False, "folder_labels": False, "labels": ["x"],
            "download_dir": "/films", "paused": True, "afterwards": "delete", "owner": "",
        }]},
    ]  # fmt: skip


def test_a_folder_is_left_alone(p2pctl: Any, daemon: Any) -> None:
    daemon.answers["session_get"] = {"watch_folders": [FOLDER, OTHER]}
    assert p2pctl("watch-folders", "/other", "--remove").exit_code == 0
    assert daemon.asked("session_set") == [{"watch_folders": [FOLDER]}]
    assert "is not watched" in p2pctl("watch-folders", "/none", "--remove").output
    assert p2pctl("watch-folders", "--remove").exit_code == 2
    assert p2pctl("watch-folders", "/x", "--delete", "--move-to", "/y").exit_code == 2
