"""What is read out of PEM and written to it, and every refusal."""

from __future__ import annotations

import contextlib
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats.x509 import pem
from p2pd.formats.x509.pem import PemError
from tests.formats.x509.certificates import (
    KEY,
    NOW,
    alternative_names,
    certificate,
    dns_name,
    key_of_another_size,
)

SUBJECT = x509.Name([])


def pkcs8(key: object) -> str:
    return key.private_bytes(  # type: ignore[attr-defined, no-any-return]
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ).decode()


def of_key(key: object) -> str:
    """A certificate for a public key, by somebody."""
    made = (
        x509.CertificateBuilder()
        .subject_name(SUBJECT)
        .issuer_name(SUBJECT)
        .public_key(key.public_key())  # type: ignore[attr-defined]
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(1))
        .sign(KEY, hashes.SHA256())
    )
    return pem.certificate_pem(made)


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def test_what_is_written_is_read_again(rsa_key: rsa.RSAPrivateKey) -> None:
    for key in (KEY, ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), rsa_key):
        again = pem.read_private_key(pem.private_key_pem(key))
        assert pem.public_bytes(again.public_key()) == pem.public_bytes(key.public_key())
        assert pem.belongs(pem.read_certificate(of_key(key)), again)
    made = certificate(["film"])
    assert pem.read_certificate(pem.certificate_pem(made)) == made
    assert pem.read_certificate(pem.certificate_pem(made).encode()) == made


def test_the_older_form_of_a_key_is_read() -> None:
    old = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert pem.belongs(certificate(), pem.read_private_key(old))


def test_a_certificate_belongs_to_its_key_alone() -> None:
    other = ec.derive_private_key(8, ec.SECP256R1())
    assert pem.belongs(certificate(), KEY)
    assert not pem.belongs(certificate(), other)


def test_the_first_certificate_counts_whatever_stands_around_it() -> None:
    first, second = certificate(["first"]), certificate(["second"])
    text = f"Ours:\n{pem.private_key_pem(KEY)}{pem.certificate_pem(first)}"
    assert pem.read_certificate(text + pem.certificate_pem(second)) == first


def test_a_request_says_for_which_key() -> None:
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(SUBJECT).sign(KEY, hashes.SHA256())
    )
    again = pem.read_request(pem.request_pem(request))
    assert again.public_key() == KEY.public_key()


def test_a_request_that_another_key_signed_is_refused() -> None:
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(SUBJECT).sign(KEY, hashes.SHA256())
    )
    raw = bytearray(request.public_bytes(Encoding.DER))
    raw[-1] ^= 1
    text = pem.request_pem(x509.load_der_x509_csr(bytes(raw)))
    with pytest.raises(PemError, match="the request is not signed with the key that is in it"):
        pem.read_request(text, "the request")


@pytest.mark.parametrize("read", [pem.read_certificate, pem.read_private_key, pem.read_request])
def test_what_is_none_is_refused_in_words(read: object) -> None:
    for text, words in [
        ("", "it is no PEM: that is text from -----BEGIN to -----END"),
        ("\ud800", "it is no PEM"),
        ("x" * (pem.MAX_PEM + 1), "it is longer than 32 KiB"),
        ("-----BEGIN THING-----\nAAAA\n-----END THING-----\n", "it cannot be read: the text holds"),
        ("-----BEGIN THING-----\nAAAA\n", "it cannot be read: its lines are damaged"),
    ]:
        with pytest.raises(PemError, match=words):
            read(text, "it")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("read", "label"),
    [
        (pem.read_certificate, "CERTIFICATE"),
        (pem.read_private_key, "PRIVATE KEY"),
        (pem.read_request, "CERTIFICATE REQUEST"),
    ],
)
def test_damaged_content_is_refused_in_words(read: object, label: str) -> None:
    text = f"-----BEGIN {label}-----\nMAMCAQA=\n-----END {label}-----\n"
    with pytest.raises(PemError, match="its content is damaged, or of a kind that is not known"):
        read(text)  # type: ignore[operator]


def test_keys_of_other_kinds_are_refused_in_words(rsa_key: rsa.RSAPrivateKey) -> None:
    small = rsa.generate_private_key(65537, 1024)
    curve = ec.derive_private_key(7, ec.SECP256K1())
    for key, words in [
        (small, "the private key has an RSA key of 1024 bits: 2048 to 8192 are taken"),
        (curve, "the private key has a key on the curve secp256k1: ECDSA"),
        (x25519.X25519PrivateKey.generate(), "the private key has a key of another kind"),
        (dsa.generate_private_key(1024), "the private key has a key of another kind"),
    ]:
        with pytest.raises(PemError, match=words):
            pem.read_private_key(pkcs8(key))
    with pytest.raises(PemError, match="the authority has an RSA key of 1024 bits"):
        pem.read_certificate(of_key(small), "the authority")


def test_an_rsa_key_that_does_not_fit_together_is_refused(rsa_key: rsa.RSAPrivateKey) -> None:
    own = rsa_key.private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        own.p, own.q, own.d + 2, own.dmp1, own.dmq1, own.iqmp, own.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    with pytest.raises(PemError, match="cannot be read"):
        pem.read_private_key(pkcs8(wrong))


@pytest.mark.parametrize("kind", [110, 111, 112, 113])
@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_than_its_kind_has_is_refused(size: int, kind: int) -> None:
    with pytest.raises(PemError, match="cannot be read"):
        pem.read_private_key(key_of_another_size(size, kind))


def test_an_encrypted_key_is_told_apart() -> None:
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        text = KEY.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret"))
        with pytest.raises(PemError, match="the private key is encrypted"):
            pem.read_private_key(text)


def test_a_certificate_whose_extensions_are_wrong_is_refused() -> None:
    for entry in (b"\x82\x7f*", dns_name(b"\xff")):
        text = pem.certificate_pem(certificate((), alternative_names(entry)))
        with pytest.raises(PemError, match="the certificate cannot be read"):
            pem.read_certificate(text)


@given(st.binary(max_size=400), st.integers(0, 2000))
def test_no_damage_lets_anything_else_out(noise: bytes, place: int) -> None:
    whole = pem.certificate_pem(certificate(["film"])).encode()
    damaged = whole[:place] + noise + whole[place:]
    for read in (pem.read_certificate, pem.read_private_key, pem.read_request):
        with contextlib.suppress(PemError):
            read(damaged)
