"""Certificates and keys of torrents in their files."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from p2pd.base.errors import StateError
from p2pd.formats.x509.keys_at_rest import KeySeal, is_sealed
from p2pd.formats.x509.pem import private_key_pem
from p2pd.formats.x509.swarm_ca import new_key
from p2pd.state.key_files import KeyFiles
from p2pd.state.torrent_keys import ABOUT, FORMER_KEY, KeptCertificate, TorrentKeys, key_of

NAME = "ab" * 20
KEPT = KeptCertificate("the CA", "grüße", "the certificate", private_key_pem(new_key()))
NEXT = KEPT._replace(certificate="the next one", private_key=private_key_pem(new_key()))
KEY = key_of(KEPT.certificate)


def test_what_was_kept_is_there_again_for_its_owner_alone(tmp_path: Path) -> None:
    keys = TorrentKeys(str(tmp_path), KeyFiles())
    assert keys.load() == {}
    keys.save(NAME, KEPT)
    assert TorrentKeys(str(tmp_path), KeyFiles()).load() == {NAME: KEPT}
    folder = tmp_path / "tls" / NAME
    assert [path.stat().st_mode & 0o777 for path in (folder.parent, folder)] == [0o700, 0o700]
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        ABOUT: 0o600, KEY: 0o600,
    }  # fmt: skip


def test_where_nothing_can_be_told_no_torrent_is_taken_for_one_of_everybody(tmp_path: Path) -> None:
    (tmp_path / "tls").write_bytes(b"")
    with pytest.raises(StateError, match="Not a directory"):
        TorrentKeys(str(tmp_path), KeyFiles()).load()


def test_a_key_is_sealed_and_without_the_passphrase_it_is_said(tmp_path: Path) -> None:
    keys = TorrentKeys(str(tmp_path), KeyFiles(KeySeal(b"a word")))
    keys.save(NAME, KEPT)
    assert is_sealed((tmp_path / "tls" / NAME / KEY).read_bytes())
    assert keys.load()[NAME] == KEPT
    (found,) = TorrentKeys(str(tmp_path), KeyFiles()).load().values()
    assert found.certificate == KEPT.certificate
    assert not found.private_key
    assert "the private key is sealed" in found.trouble


def test_a_certificate_that_is_taken_away_takes_its_key_along(tmp_path: Path) -> None:
    keys = TorrentKeys(str(tmp_path), KeyFiles())
    keys.save(NAME, KEPT)
    keys.save(NAME, KEPT._replace(certificate="", private_key=""))
    assert not (tmp_path / "tls" / NAME / KEY).exists()
    assert keys.load() == {NAME: KeptCertificate("the CA", "grüße")}
    keys.forget(NAME)
    keys.forget(NAME)
    assert keys.load() == {}
    assert not (tmp_path / "tls" / NAME).exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"ca": 1, "certificate": "", "name": ""}', b"\xff"]
)
def test_what_is_damaged_has_no_certificate_and_says_so(tmp_path: Path, content: bytes) -> None:
    keys = TorrentKeys(str(tmp_path), KeyFiles())
    keys.save(NAME, KEPT)
    (tmp_path / "tls" / NAME / ABOUT).write_bytes(content)
    (found,) = keys.load().values()
    assert (found.certificate, found.private_key) == ("", "")
    assert "cannot be read" in found.trouble


class CutError(BaseException):
    """A kill."""


class Cutting:
    """Counts what comes to the disk, and cuts it off at one of these steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.steps, self.at = 0, at
        for name in ("replace", "unlink", "makedirs"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, work: Any) -> Any:
        def step(*arguments: Any, **options: Any) -> Any:
            if self.steps >= self.at:
                raise CutError
            self.steps += 1
            return work(*arguments, **options)

        return step


@pytest.mark.parametrize("former", [None, KEPT, "as before"])
def test_cut_off_anywhere_there_is_the_former_pair_or_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, former: Any
) -> None:
    seen = []
    for at in range(100):
        state = str(tmp_path / f"{at}")
        keys = TorrentKeys(state, KeyFiles())
        before = {}
        if former is not None:
            keys.save(NAME, KEPT)
            before = {NAME: KEPT}
        folder = Path(keys.folder) / NAME
        if former == "as before":
            (folder / KEY).rename(folder / FORMER_KEY)
        with monkeypatch.context() as patch:
            cutting = Cutting(patch, at)
            with contextlib.suppress(CutError):
                keys.save(NAME, NEXT)
        seen.append(keys.load())
        assert seen[-1] in (before, {NAME: NEXT})
        keys.save(NAME, NEXT)  # and it goes on from there
        assert keys.load() == {NAME: NEXT}
        assert {path.suffix for path in folder.iterdir()} <= {".json", ".key", ".new"}
        assert [path.name for path in folder.glob("*.key")] == [key_of(NEXT.certificate)]
        if cutting.steps < at:
            break
    assert seen[0] == before
    assert seen[-1] == {NAME: NEXT}


def test_a_folder_that_cannot_be_looked_into_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = TorrentKeys(str(tmp_path), KeyFiles())
    keys.save(NAME, KEPT)
    (tmp_path / "tls" / NAME / ABOUT).unlink()
    assert keys.load() == {}
    monkeypatch.setattr(os, "access", lambda *_: False)
    (found,) = keys.load().values()
    assert "cannot be read" in found.trouble


def test_only_folders_of_torrents_are_read(tmp_path: Path) -> None:
    keys = TorrentKeys(str(tmp_path), KeyFiles())
    keys.save(NAME, KEPT)
    for other in ("..x", "AB" * 20, "ab" * 19, "notes.txt"):
        (tmp_path / "tls" / other).mkdir()
        (tmp_path / "tls" / other / ABOUT).write_text(json.dumps({}))
    assert list(keys.load()) == [NAME]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("no folder")
    with pytest.raises(StateError, match="tls"):
        TorrentKeys(str(tmp_path), KeyFiles()).save(NAME, KEPT)
