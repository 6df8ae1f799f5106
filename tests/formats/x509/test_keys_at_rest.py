"""Private keys are sealed and opened, and what cannot be opened is refused in words."""

from __future__ import annotations

import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.base.errors import FormatError, P2pdError
from p2pd.formats.x509.keys_at_rest import (
    MAX_KEY,
    KeySeal,
    SealedKeyError,
    is_sealed,
    opened,
    sealed,
)
from tests.formats.x509.certificates import key_of_another_size

SEAL = KeySeal(b"correct horse")
OTHER = KeySeal(b"battery staple")


def pem_of(key: object, passphrase: bytes | None = None) -> bytes:
    """A private key in PEM."""
    how = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)  # type: ignore[attr-defined]


KEY = pem_of(ec.generate_private_key(ec.SECP256R1()))
SEALED = sealed(KEY, SEAL)


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["ed25519", "p384", "rsa"],
)
def test_a_sealed_key_is_opened_by_the_passphrase_here_and_elsewhere(key: object) -> None:
    plain = pem_of(key)
    pem = sealed(plain, SEAL)
    assert is_sealed(pem)
    assert not is_sealed(plain)
    assert opened(pem, SEAL) == plain
    assert pem_of(load_pem_private_key(pem, b"correct horse")) == plain


def test_openssl_opens_a_sealed_key() -> None:
    command = ["openssl", "pkey", "-passin", "pass:correct horse"]
    done = subprocess.run(command, input=SEALED, capture_output=True, check=True, timeout=20)
    assert done.stdout == KEY


def test_another_daemon_with_the_passphrase_opens_it() -> None:
    assert opened(SEALED, KeySeal(b"correct horse")) == KEY


def test_two_sealings_of_a_key_have_nothing_in_common_but_their_salt() -> None:
    assert sealed(KEY, SEAL) != sealed(KEY, SEAL)


def test_without_a_passphrase_a_key_lies_as_it_is() -> None:
    assert sealed(KEY, None) == KEY
    assert opened(KEY, None) == KEY
    assert opened(KEY, SEAL) == KEY


def test_a_key_in_an_older_form_becomes_pkcs_8() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    older = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert opened(sealed(older, SEAL), SEAL) == opened(older, None) == pem_of(key)


def test_a_sealed_key_without_a_passphrase_or_with_another_is_refused_in_words() -> None:
    with pytest.raises(SealedKeyError, match="no passphrase is given"):
        opened(SEALED, None)
    with pytest.raises(SealedKeyError, match="another passphrase"):
        opened(SEALED, OTHER)


@pytest.mark.parametrize("passphrase", [b"", b"x" * 1025])
def test_what_is_no_passphrase_is_refused(passphrase: bytes) -> None:
    with pytest.raises(P2pdError, match="between 1 and 1024 bytes"):
        KeySeal(passphrase)


def test_a_key_that_others_sealed_is_refused_whatever_its_passphrase() -> None:
    foreign = pem_of(ed25519.Ed25519PrivateKey.generate(), b"correct horse")
    with pytest.raises(FormatError, match="sealed in another way"):
        opened(foreign, SEAL)
    with pytest.raises(FormatError, match="sealed already"):
        sealed(foreign, SEAL)


@pytest.mark.parametrize("pem", [b"", b"rubbish", KEY[:-60], b"x" * (MAX_KEY + 1)])
def test_what_is_no_key_is_refused(pem: bytes) -> None:
    with pytest.raises(FormatError):
        sealed(pem, SEAL)
    with pytest.raises(FormatError):
        opened(pem, SEAL)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(0, 255))
def test_a_sealed_key_that_was_damaged_is_refused_or_gives_a_key(at: int, byte: int) -> None:
    damaged = SEALED[:at] + bytes([byte]) + SEALED[at + 1 :]
    seal = KeySeal(b"correct horse")
    seal._made = _Remembered(SEAL._made)  # no scrypt for each example
    try:
        key = opened(damaged, seal)
    except (FormatError, SealedKeyError):
        return
    assert load_pem_private_key(key, None) is not None


class _Remembered(dict[bytes, bytes]):
    """Keys that were made of a salt; of another salt it is any key."""

    def get(self, salt: bytes, default: bytes | None = None) -> bytes:  # type: ignore[override]
        return super().get(salt) or bytes(32)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_than_its_kind_has_is_refused(size: int) -> None:
    text = key_of_another_size(size).encode()
    with pytest.raises(FormatError, match="no private key"):
        opened(text, None)
    with pytest.raises(FormatError, match="no private key"):
        sealed(text, SEAL)
