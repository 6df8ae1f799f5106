"""p2pctl sign, verify-signature."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from p2pd.formats.metainfo import parse_torrent
from p2pd.formats.x509.keys_at_rest import KeySeal
from p2pd.formats.x509.pem import certificate_pem, private_key_pem
from p2pd.formats.x509.swarm_ca import issue, new_ca, new_key
from p2pd.testing import make_torrent

TORRENT = make_torrent({"data": b"x" * 50_000})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and a certificate that it issued."""
    folder, now = tmp_path_factory.mktemp("signing"), datetime.now(UTC) - timedelta(hours=1)
    ca, ca_key = new_ca("com.example", 30, now)
    other, _ = new_ca("com.other", 30, now)
    key = new_key()
    leaf = issue(ca, ca_key, key.public_key(), ["*"], 5, now)
    for name, certificate in (("ca", ca), ("other", other), ("leaf", leaf)):
        (folder / f"{name}.pem").write_text(certificate_pem(certificate))
    (folder / "ca.key").write_text(private_key_pem(ca_key))
    (folder / "leaf.key").write_text(private_key_pem(key))
    return folder


@pytest.fixture
def torrent(tmp_path: Path) -> Path:
    path = tmp_path / "some.torrent"
    path.write_bytes(TORRENT)
    return path


def sign(
    p2pctl: Any, files: Path, torrent: Path, *more: str, who: str = "ca", **options: Any
) -> Any:
    named = ("--certificate", str(files / f"{who}.pem"), "--key", str(files / f"{who}.key"))
    return p2pctl("sign", str(torrent), *named, *more, **options)


def test_a_torrent_is_signed_in_its_place(p2pctl: Any, files: Path, torrent: Path) -> None:
    result = sign(p2pctl, files, torrent)
    assert result.exit_code == 0, result.output
    assert f"{torrent}: signed" in result.output
    signed = parse_torrent(torrent.read_bytes())
    assert signed.info_hashes == parse_torrent(TORRENT).info_hashes
    assert [each.name for each in signed.signatures] == ["com.example"]
    assert [path.name for path in torrent.parent.iterdir()] == ["some.torrent"]


def test_who_signed_is_told(p2pctl: Any, files: Path, torrent: Path) -> None:
    assert p2pctl("verify-signature", str(torrent)).exit_code == 1
    sign(p2pctl, files, torrent)
    result = p2pctl("verify-signature", str(torrent))
    assert result.exit_code == 0
    assert "com.example" in result.output
    trusted = p2pctl("verify-signature", str(torrent), "--trusted", str(files / "ca.pem"))
    assert trusted.exit_code == 0
    result = p2pctl("verify-signature", str(torrent), "--trusted", str(files / "other.pem"))
    assert result.exit_code == 1
    assert "is trusted here" in result.output
    (row,) = json.loads(p2pctl("verify-signature", str(torrent), "--json").output)
    assert row["valid"]
    assert not row["trusted"]


def test_a_certificate_of_a_swarms_ca_signs_and_is_trusted_by_it(
    p2pctl: Any, files: Path, torrent: Path, tmp_path: Path
) -> None:
    target = tmp_path / "signed.torrent"
    subject = parse_name(files)
    result = sign(p2pctl, files, torrent, "-o", str(target), "--name", subject, who="leaf")
    assert result.exit_code == 0, result.output
    assert torrent.read_bytes() == TORRENT
    checked = p2pctl("verify-signature", str(target), "--trusted", str(files / "ca.pem"), "--json")
    (row,) = json.loads(checked.output)
    assert row["valid"]
    assert row["trusted"] is (checked.exit_code == 0)


def parse_name(files: Path) -> str:
    from p2pd.formats.x509.pem import read_certificate
    from p2pd.formats.x509.torrent_signing import common_name

    return common_name(read_certificate((files / "leaf.pem").read_bytes())) or "com.example"


def test_a_torrent_that_changed_fails(p2pctl: Any, files: Path, torrent: Path) -> None:
    sign(p2pctl, files, torrent)
    torrent.write_bytes(torrent.read_bytes().replace(b"4:data", b"4:date"))
    result = p2pctl("verify-signature", str(torrent))
    assert result.exit_code == 1
    assert "not of this torrent" in result.output


def test_a_sealed_key_asks_for_its_passphrase(p2pctl: Any, files: Path, torrent: Path) -> None:
    plain = (files / "ca.key").read_bytes()
    sealed = files / "sealed.key"
    sealed.write_bytes(KeySeal(b"open sesame").seal(plain))
    words = ("sign", str(torrent), "--certificate", str(files / "ca.pem"), "--key", str(sealed))
    assert p2pctl(*words, input="wrong\n").exit_code == 1
    assert torrent.read_bytes() == TORRENT
    assert p2pctl(*words, input="open sesame\n").exit_code == 0
    assert p2pctl("verify-signature", str(torrent)).exit_code == 0


def test_what_cannot_be_signed_is_said_and_left(
    p2pctl: Any, files: Path, torrent: Path, tmp_path: Path
) -> None:
    named = ("--certificate", str(files / "other.pem"), "--key", str(files / "ca.key"))
    result = p2pctl("sign", str(torrent), *named)
    assert result.exit_code == 1
    assert "not one of this key" in result.output
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"garbage")
    assert sign(p2pctl, files, garbage).exit_code == 1
    assert garbage.read_bytes() == b"garbage"
    assert p2pctl("verify-signature", str(garbage)).exit_code == 1
    assert p2pctl("sign", str(torrent)).exit_code == 2
