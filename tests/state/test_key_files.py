"""Private keys on a disk: for their owner alone, sealed when a passphrase appears."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from p2pd.base.errors import FormatError, StateError
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError, is_sealed
from p2pd.state.key_files import KeyFiles, key_paths, seal_all

NEW, OLD = KeySeal(b"new"), KeySeal(b"old")
KEY = ed25519.Ed25519PrivateKey.generate().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


def nobody(path: str, what: str) -> None:
    """Who need not hear it."""


def unwanted(path: str, why: str) -> None:
    """What must not be told."""
    raise AssertionError(f"{path}: {why}")


def mode_of(path: Path) -> int:
    """Who may do what with a file."""
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("seal", [None, NEW], ids=["plain", "sealed"])
def test_a_key_is_for_its_owner_alone_and_comes_back(tmp_path: Path, seal: KeySeal | None) -> None:
    path = tmp_path / "node.key"
    files = KeyFiles(seal)
    before = os.umask(0)
    try:
        files.write(str(path), KEY)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert is_sealed(path.read_bytes()) is (seal is not None)
    assert files.read(str(path)) == KEY


def test_a_key_that_others_could_read_is_theirs_no_more(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    path.write_bytes(KEY)
    path.chmod(0o644)
    assert KeyFiles().read(str(path)) == KEY
    assert mode_of(path) == 0o600


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    KeyFiles(OLD).write(str(path), KEY)
    with pytest.raises(SealedKeyError, match=r"node\.key: .* no passphrase is given"):
        KeyFiles().read(str(path))
    with pytest.raises(SealedKeyError, match=r"node\.key: .* another passphrase"):
        KeyFiles(NEW).read(str(path))
    path.write_bytes(b"rubbish")
    with pytest.raises(FormatError, match=r"node\.key: there is no private key"):
        KeyFiles().read(str(path))
    with pytest.raises(StateError, match=r"none\.key: No such file"):
        KeyFiles().read(str(tmp_path / "none.key"))
    with pytest.raises(StateError, match="No such file"):
        KeyFiles().write(str(tmp_path / "none" / "a.key"), KEY)


def test_a_key_is_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(KEY)
    (tmp_path / "node.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError):
        KeyFiles().read(str(tmp_path / "node.key"))
    assert list(key_paths(str(tmp_path))) == []


def placed(folder: Path, files: KeyFiles) -> list[Path]:
    """A key in each place where one may lie, and files that are none."""
    names = ["node.key", "swarm-ca/mine/ca.key", "tls/00ff/peer.key"]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        files.write(str(folder / name), KEY)
    (folder / "swarm-ca/mine/ca.pem").write_bytes(b"a certificate")
    return sorted(folder / name for name in names)


def test_a_passphrase_that_appears_seals_every_key(tmp_path: Path) -> None:
    paths = placed(tmp_path, KeyFiles())
    told: list[tuple[str, str]] = []

    def tell(path: str, what: str) -> None:
        told.append((path, what))

    seal_all(KeyFiles(NEW), str(tmp_path), tell, tell)
    assert sorted(told) == [(str(path), "is sealed") for path in paths]
    assert all(is_sealed(path.read_bytes()) and mode_of(path) == 0o600 for path in paths)
    assert all(KeyFiles(NEW).read(str(path)) == KEY for path in paths)
    told.clear()
    seal_all(KeyFiles(NEW), str(tmp_path), tell, tell)
    assert told == []


def test_another_passphrase_seals_what_the_one_before_opens(tmp_path: Path) -> None:
    paths = placed(tmp_path, KeyFiles(OLD))
    seal_all(KeyFiles(NEW, [OLD]), str(tmp_path), nobody, unwanted)
    assert all(KeyFiles(NEW).read(str(path)) == KEY for path in paths)


def test_where_no_passphrase_is_wanted_any_more_keys_are_opened(tmp_path: Path) -> None:
    paths = placed(tmp_path, KeyFiles(OLD))
    seal_all(KeyFiles(None, [OLD]), str(tmp_path), nobody, unwanted)
    assert all(path.read_bytes() == KEY for path in paths)


def test_what_cannot_be_opened_stays_as_it_is_and_the_others_are_sealed(tmp_path: Path) -> None:
    KeyFiles(OLD).write(str(tmp_path / "a.key"), KEY)
    KeyFiles().write(str(tmp_path / "b.key"), KEY)
    before = (tmp_path / "a.key").read_bytes()
    failed: dict[str, str] = {}
    seal_all(KeyFiles(NEW), str(tmp_path), nobody, failed.__setitem__)
    assert (tmp_path / "a.key").read_bytes() == before
    assert "another passphrase" in failed[str(tmp_path / "a.key")]
    assert KeyFiles(NEW).read(str(tmp_path / "b.key")) == KEY
