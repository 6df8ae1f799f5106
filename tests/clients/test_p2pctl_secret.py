"""p2pctl secret, and the secrets that add and set are given."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from p2pd.protocols.swarm_secret.secret import SwarmSecret, read_secret

SECRET = SwarmSecret(bytes(range(32))).text()


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "film.secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def adding(daemon: Any) -> Any:
    daemon.answers["torrent_add"] = {
        "torrent_added": {"id": 2, "name": "other film", "hash_string": "02ab" * 10}
    }
    return daemon


def test_each_is_another(p2pctl: Any, daemon: Any) -> None:
    made = {p2pctl("secret").output.strip() for _ in range(2)}
    assert len(made) == 2
    for text in made:
        assert isinstance(read_secret(text), SwarmSecret)
    assert json.loads(p2pctl("secret", "--json").output)["secret"].startswith("p2pd-")


def test_a_file_is_for_its_owner_alone_and_nothing_is_written_over(
    p2pctl: Any, tmp_path: Path
) -> None:
    path = tmp_path / "new.secret"
    result = p2pctl("secret", "--out", str(path))
    assert result.exit_code == 0
    assert "p2pd-" not in result.output
    assert os.stat(path).st_mode & 0o777 == 0o600
    kept = path.read_text()
    assert isinstance(read_secret(kept), SwarmSecret)
    result = p2pctl("secret", "--out", str(path))
    assert result.exit_code != 0
    assert path.read_text() == kept


def test_torrents_are_added_with_one(p2pctl: Any, adding: Any, secret_file: Path) -> None:
    result = p2pctl("add", "magnet:?x", "--secret-file", str(secret_file))
    assert result.exit_code == 0
    assert adding.asked("torrent_add") == [{"filename": "magnet:?x", "secret": SECRET}]
    assert SECRET not in result.output


def test_it_is_asked_for_without_being_shown(p2pctl: Any, adding: Any) -> None:
    result = p2pctl("add", "magnet:?x", "--secret-file", "-", input="correct horse battery\n")
    assert result.exit_code == 0
    (asked,) = adding.asked("torrent_add")
    assert asked["secret"] == "correct horse battery"
    assert "horse" not in result.output


def test_they_are_changed_and_taken_back(p2pctl: Any, daemon: Any, secret_file: Path) -> None:
    result = p2pctl("set", "1", "--secret-file", str(secret_file), "--json")
    assert result.exit_code == 0
    assert SECRET not in result.output
    assert p2pctl("set", "1", "--no-secret").exit_code == 0
    asked = [call["secret"] for call in daemon.asked("torrent_set")]
    assert asked == [SECRET, ""]
    result = p2pctl("set", "1", "--no-secret", "--secret-file", str(secret_file))
    assert "exclude each other" in result.output


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (SECRET, 0o644, "can be read by others"),
        ("p2pd-typing-error", 0o600, "mistyped"),
        ("short", 0o600, "12 characters"),
        ("long " * 1000, 0o600, "too long"),
    ],
)
def test_what_is_no_secret_is_not_sent(
    p2pctl: Any, adding: Any, tmp_path: Path, content: str, mode: int, words: str
) -> None:
    path = tmp_path / "wrong"
    path.write_text(content)
    path.chmod(mode)
    result = p2pctl("add", "magnet:?x", "--secret-file", str(path))
    assert result.exit_code != 0
    assert words in result.output
    assert not adding.asked("torrent_add")


def test_a_file_that_is_not_there_is_a_sentence(p2pctl: Any, adding: Any, tmp_path: Path) -> None:
    result = p2pctl("add", "magnet:?x", "--secret-file", str(tmp_path / "none"))
    assert result.exit_code != 0
    assert "No such file" in result.output
