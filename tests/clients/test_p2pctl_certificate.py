"""p2pctl certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p2pd.clients.cli.certificate import tls_words

READY = {
    "state": "ready", "error_string": "", "certificate_name": "a film", "not_after": 1_800_000_000,
    "warnings": [],
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A certificate and its key."""
    for name in ("me.pem", "me.key"):
        (tmp_path / name).write_text(f"of {name}")
    return str(tmp_path / "me.pem"), str(tmp_path / "me.key")


def test_it_is_given_from_files(p2pctl: Any, daemon: Any, files: tuple[str, str]) -> None:
    daemon.answers["torrent_set_certificate"] = {"torrents": [{"id": 3, "tls": READY}]}
    told = p2pctl("certificate", "Music", "--certificate", files[0], "--key", files[1])
    assert "3 Music: for a film, until 2027" in told.output
    assert daemon.asked("torrent_set_certificate") == [
        {"ids": [3], "certificate": "of me.pem", "private_key": "of me.key"}
    ]


def test_it_is_taken_away(p2pctl: Any, daemon: Any) -> None:
    gone = {**READY, "error_string": "it waits", "certificate_name": "", "not_after": 0}
    daemon.answers["torrent_set_certificate"] = {"torrents": [{"id": 3, "tls": gone}]}
    assert "3 Music: it waits" in p2pctl("certificate", "Music", "--remove").output
    assert daemon.asked("torrent_set_certificate") == [{"ids": [3]}]


def test_without_options_it_is_shown(p2pctl: Any, daemon: Any) -> None:
    daemon.torrents[2]["tls"] = READY
    assert "for a film, until 2027" in p2pctl("certificate", "Music").output
    assert daemon.asked("torrent_set_certificate") == []
    assert "needs no certificate" in tls_words(None)
    daemon.torrents[2]["tls"] = {**READY, "certificate_name": "*"}
    for command in ("certificate", "info"):
        said = p2pctl(command, "Music").output
        assert "for all torrents of the CA, until 2027" in said


@pytest.mark.parametrize("options", [
    ["--key", "x"], ["--certificate", "x"], ["--ca", "x"], ["--remove", "--key", "x"],
])  # fmt: skip
def test_wrong_usage(p2pctl: Any, daemon: Any, options: list[str]) -> None:
    assert p2pctl("certificate", "Music", *options).exit_code == 2
    assert daemon.asked("torrent_set_certificate") == []


def test_a_file_that_is_not_there_or_too_long_is_said(
    p2pctl: Any, daemon: Any, files: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "long").write_bytes(b"x" * 40_000)
    for name, words in (("none", "cannot be read"), ("long", "longer than 32 KiB")):
        path = str(tmp_path / name)
        told = p2pctl("certificate", "Music", "--certificate", path, "--key", files[1])
        assert (told.exit_code, words in told.output) == (1, True)
    assert daemon.asked("torrent_set_certificate") == []
