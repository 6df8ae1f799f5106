"""p2pctl backup and restore: parts, digests, and a file that is whole or not there."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

DATA = bytes(range(256)) * 10


def holding(daemon: Any, data: bytes = DATA) -> None:
    """The daemon has a backup, which it gives in one part."""
    daemon.answers |= {
        "state_backup": {
            "name": "b.tar", "size_bytes": len(DATA), "torrent_count": 2,
            "sha256": hashlib.sha256(DATA).hexdigest(), "key_count": 0, "problems": [],
            "without_keys": "it has no private keys, since",
        },
        "state_read": {"data": base64.b64encode(data).decode()},
    }  # fmt: skip


def test_a_backup_is_written_for_its_owner_alone(p2pctl: Any, daemon: Any, tmp_path: Path) -> None:
    holding(daemon)
    file = tmp_path / "state.tar"
    result = p2pctl("backup", str(file))
    assert result.exit_code == 0
    assert "2 torrents, 2.5 KiB" in result.output
    assert "it has no private keys, since" in result.stderr
    assert file.read_bytes() == DATA
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert daemon.asked("state_forget") == [{"name": "b.tar"}]
    assert json.loads(p2pctl("backup", str(file), "--force", "--json").stdout)["path"] == str(file)


def test_one_that_came_otherwise_leaves_no_file(p2pctl: Any, daemon: Any, tmp_path: Path) -> None:
    for data in (DATA[:-1] + b"x", b""):
        holding(daemon, data)
        result = p2pctl("backup", str(tmp_path / "state.tar"))
        assert result.exit_code == 1
        assert "did not arrive as it was made" in result.output
        assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays(p2pctl: Any, daemon: Any, tmp_path: Path) -> None:
    (tmp_path / "state.tar").write_text("mine")
    result = p2pctl("backup", str(tmp_path / "state.tar"))
    assert result.exit_code == 1
    assert "--force writes over it" in result.output
    assert daemon.calls == []
    holding(daemon)
    assert "cannot be written" in p2pctl("backup", str(tmp_path / "no" / "state.tar")).output


def test_a_restore_sends_the_file_and_says_what_came(
    p2pctl: Any, daemon: Any, tmp_path: Path
) -> None:
    daemon.answers["state_restore"] = {
        "torrents_added": 1, "torrents_here": 4, "keys_added": 0, "problems": [],
    }  # fmt: skip
    file = tmp_path / "state.tar"
    file.write_bytes(DATA)
    result = p2pctl("restore", str(file))
    assert (result.exit_code, result.output) == (0, "1 torrent came back, 4 were there\n")
    (sent,) = daemon.asked("state_write")
    assert (sent["offset"], base64.b64decode(sent["data"])) == (0, DATA)
    names = {sent["name"], *(call["name"] for call in daemon.asked("state_forget"))}
    assert names == {daemon.asked("state_restore")[0]["name"]}
    assert daemon.patiently == ["state_restore"]


def test_keys_are_sealed_with_a_passphrase_from_a_file(
    p2pctl: Any, daemon: Any, tmp_path: Path
) -> None:
    words = tmp_path / "words"
    words.write_text("of the backup\nnot this\n")
    holding(daemon)
    daemon.answers["state_backup"] |= {"key_count": 3, "without_keys": ""}
    file = str(tmp_path / "state.tar")
    result = p2pctl("backup", file, "--passphrase-file", str(words))
    assert "2 torrents, 3 private keys, 2.5 KiB" in result.output
    assert daemon.asked("state_backup") == [{"passphrase": "of the backup"}]
    problem = "the CA films: there is a CA called 'films' already"
    daemon.answers["state_restore"] = {
        "torrents_added": 1, "torrents_here": 4, "keys_added": 2, "problems": [problem],
    }  # fmt: skip
    result = p2pctl("restore", file, "--passphrase-file", str(words))
    assert "2 CAs or certificates came back" in result.output
    assert problem in result.output
    (asked,) = daemon.asked("state_restore")
    assert (asked["passphrase"], asked["with_keys"]) == ("of the backup", True)
    p2pctl("restore", file, "--without-keys")
    assert daemon.asked("state_restore")[1]["with_keys"] is False
    words.write_text("\n")
    result = p2pctl("backup", file, "--force", "--passphrase-file", str(words))
    assert result.exit_code == 1
    assert "holds no passphrase" in result.output


def test_a_file_that_cannot_be_sent_is_said(p2pctl: Any, daemon: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name, words in (("absent", "No such file"), ("empty", "is empty")):
        result = p2pctl("restore", str(tmp_path / name))
        assert result.exit_code == 1
        assert words in result.output
    assert daemon.asked("state_restore") == []
