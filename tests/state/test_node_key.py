"""The node's own key in the state folder: made once, for its owner alone, sealed, changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p2pd.base.errors import P2pdError
from p2pd.formats.x509.keys_at_rest import KeySeal
from p2pd.protocols.peerwire.node_proofs import Channel, Role, check, succeeds
from p2pd.state.key_files import KeyFiles, key_paths
from p2pd.state.node_key import BEFORE_NAME, KEY_NAME, NodeKeyFile

OURS = Channel(b"b" * 32, b"i" * 20, Role.DIALLED)
THEIRS = OURS._replace(role=Role.ACCEPTED)


def keeper(folder: Path, passphrase: bytes = b"") -> NodeKeyFile:
    return NodeKeyFile(str(folder), KeyFiles(KeySeal(passphrase) if passphrase else None))


def test_it_is_made_at_the_first_start_and_stays(tmp_path: Path) -> None:
    key = keeper(tmp_path).load()
    assert (tmp_path / KEY_NAME).stat().st_mode & 0o777 == 0o600
    again = keeper(tmp_path).load()
    assert again.public == key.public
    assert again.succession is None
    check(again.proof(THEIRS), OURS)
    (tmp_path / "other").mkdir()
    assert keeper(tmp_path / "other").load().public != key.public


def test_it_is_among_the_keys_that_are_sealed(tmp_path: Path) -> None:
    keeper(tmp_path).load()
    assert list(key_paths(str(tmp_path))) == [str(tmp_path / KEY_NAME)]


def test_a_passphrase_seals_it(tmp_path: Path) -> None:
    key = keeper(tmp_path, b"open sesame").load()
    content = (tmp_path / KEY_NAME).read_bytes()
    assert b"ENCRYPTED" in content
    assert keeper(tmp_path, b"open sesame").load().public == key.public
    for other in (keeper(tmp_path), keeper(tmp_path, b"another")):
        with pytest.raises(P2pdError, match=KEY_NAME):
            other.load()
    assert (tmp_path / KEY_NAME).read_bytes() == content


def test_a_new_key_is_vouched_for_also_after_a_restart(tmp_path: Path) -> None:
    first = keeper(tmp_path).load()
    second = keeper(tmp_path).rotate(first, succession=True)
    found = keeper(tmp_path).load()
    assert found.public == second.public != first.public
    assert succeeds(found.proof(THEIRS)) == first.public
    assert (tmp_path / KEY_NAME).stat().st_mode & 0o777 == 0o600
    third = keeper(tmp_path).rotate(found, succession=False)
    found = keeper(tmp_path).load()
    assert found.public == third.public
    assert found.succession is None
    assert not (tmp_path / BEFORE_NAME).exists()
    keeper(tmp_path).rotate(found, succession=False)  # there is nothing to remove


def test_a_change_that_is_cut_off_leaves_the_old_key(tmp_path: Path) -> None:
    first = keeper(tmp_path).load()
    content = (tmp_path / KEY_NAME).read_bytes()
    keeper(tmp_path).rotate(first, succession=True)
    (tmp_path / KEY_NAME).write_bytes(content)  # as if only the word of the old key was written
    found = keeper(tmp_path).load()
    assert found.public == first.public
    assert found.succession is None


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"de", b"i1e", b"d3:key1:x3:sig1:ye",
     b"d3:key32:" + b"k" * 32 + b"3:sig64:" + b"s" * 64 + b"e"],
)  # fmt: skip
def test_what_vouches_for_nothing_is_not_used(tmp_path: Path, content: bytes) -> None:
    key = keeper(tmp_path).load()
    (tmp_path / BEFORE_NAME).write_bytes(content)
    found = keeper(tmp_path).load()
    assert found.public == key.public
    assert found.succession is None


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_refused_in_words_and_left(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY_NAME).write_bytes(content)
    with pytest.raises(P2pdError, match=KEY_NAME):
        keeper(tmp_path).load()
    assert (tmp_path / KEY_NAME).read_bytes() == content


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / KEY_NAME).write_bytes(pem)
    with pytest.raises(P2pdError, match="Ed25519"):
        keeper(tmp_path).load()


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"x")
    os.symlink(tmp_path / "elsewhere", tmp_path / KEY_NAME)
    with pytest.raises(P2pdError, match=KEY_NAME):
        keeper(tmp_path).load()
