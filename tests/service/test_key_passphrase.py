"""The passphrase of private keys is had from a file or from systemd; else the start says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from p2pd.base.errors import ConfigError
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError, is_sealed, opened
from p2pd.service.key_passphrase import CREDENTIAL_NAME, MAX_FILE, key_files, seal_keys
from p2pd.state.key_files import KeyFiles

KEY = ed25519.Ed25519PrivateKey.generate().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


def passphrase_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    """A file of the operator's."""
    path = folder / "passphrase"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_without_one_keys_are_not_sealed() -> None:
    assert key_files("", {}).seal is None
    assert key_files("", {"CREDENTIALS_DIRECTORY": "relative"}).seal is None
    assert key_files("", {"CREDENTIALS_DIRECTORY": "/nowhere"}).seal is None


@pytest.mark.parametrize("content", [b"a phrase", b"a phrase\n", b"a phrase\r\n\n"])
def test_a_file_has_it_in_its_first_line(tmp_path: Path, content: bytes) -> None:
    files = key_files(passphrase_file(tmp_path, content), {})
    path = str(tmp_path / "node.key")
    files.write(path, KEY)
    assert opened(Path(path).read_bytes(), KeySeal(b"a phrase")) == KEY


def test_systemd_has_it_unless_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL_NAME).write_bytes(b"from systemd\n")
    (tmp_path / CREDENTIAL_NAME).chmod(0o444)
    files = key_files("", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    files.write(str(tmp_path / "a.key"), KEY)
    assert opened((tmp_path / "a.key").read_bytes(), KeySeal(b"from systemd")) == KEY
    named = passphrase_file(tmp_path, b"from the file")
    files = key_files(named, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    with pytest.raises(SealedKeyError):
        files.read(str(tmp_path / "a.key"))


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"", 0o600, "holds no passphrase"),
        (b"\n\n", 0o600, "holds no passphrase"),
        (b"x" * (MAX_FILE + 1), 0o600, "holds no passphrase, or too many"),
        (b"a\n" * 20, 0o600, "too many"),
        (b"x" * 2000, 0o600, "between 1 and 1024 bytes"),
        (b"a phrase", 0o604, "open to everybody: chmod 600"),
    ],
)
def test_what_is_wrong_is_told_at_the_start(
    tmp_path: Path, content: bytes, mode: int, words: str
) -> None:
    path = passphrase_file(tmp_path, content, mode)
    with pytest.raises(ConfigError, match=words) as problem:
        key_files(path, {})
    assert str(problem.value).startswith(f"keys.passphrase_file: {path}")


def test_a_file_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        key_files(str(tmp_path / "none"), {})


def test_keys_are_sealed_at_the_start_anew_with_another_one_and_opened_on_demand(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    path = state / "node.key"
    KeyFiles().write(str(path), KEY)
    for content, seal in [
        (b"first", KeySeal(b"first")),
        (b"second\nfirst", KeySeal(b"second")),
        (b"third\nsecond\nfirst", KeySeal(b"third")),
        (b"\nthird", None),
    ]:
        seal_keys(key_files(passphrase_file(tmp_path, content), {}), str(state))
        assert is_sealed(path.read_bytes()) is (seal is not None)
        assert opened(path.read_bytes(), seal) == KEY


def test_a_key_that_no_passphrase_opens_does_not_end_the_start(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    KeyFiles(KeySeal(b"lost")).write(str(path), KEY)
    before = path.read_bytes()
    seal_keys(key_files("", {}), str(tmp_path))
    seal_keys(key_files(passphrase_file(tmp_path, b"other"), {}), str(tmp_path))
    assert path.read_bytes() == before
    assert os.stat(path).st_mode & 0o777 == 0o600
