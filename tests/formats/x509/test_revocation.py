"""Revocation lists: made, read within bounds, verified against their CA, ordered by number."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.formats.x509.pem import PrivateKey
from p2pd.formats.x509.revocation import (
    LARGEST_SERIAL,
    MAX_LIST,
    MAX_REVOKED,
    ca_id,
    make_list,
    parse_serial,
    read_list,
    refusal,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SINCE = int(NOW.timestamp()) - 60


def named(name: str) -> x509.Name:
    """A name in a certificate."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(
    name: str,
    key: PrivateKey,
    *,
    by: tuple[x509.Certificate, PrivateKey] | None = None,
    serial: int = 1,
    crl_sign: bool | None = None,
) -> x509.Certificate:
    """A certificate, signed by itself or by another one's key."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(by[0].subject if by else named(name))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
    )
    if crl_sign is not None:
        usage = x509.KeyUsage(False, False, False, False, False, True, crl_sign, False, False)
        builder = builder.add_extension(usage, critical=True)
    signer = by[1] if by else key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(signer, digest)


KEY = ec.generate_private_key(ec.SECP256R1())
CA = certificate("a swarm", KEY)
TWIN_KEY = ec.generate_private_key(ec.SECP256R1())
TWIN = certificate("a swarm", TWIN_KEY)
LIST = make_list(CA, KEY, {7: SINCE, 99: SINCE - 5}, number=3, now=NOW)


def signed(*extensions: x509.ExtensionType, critical: bool = False, key: PrivateKey = KEY) -> bytes:
    """A list with these extensions, made by hand."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(CA.subject)
    builder = builder.last_update(NOW).next_update(NOW + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "key",
    [KEY, ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)],
    ids=["ecdsa", "ed25519", "rsa"],
)
def test_a_list_is_read_as_it_was_made(key: PrivateKey) -> None:
    ca = certificate("a swarm", key, crl_sign=True)
    made = make_list(ca, key, {5: SINCE, LARGEST_SERIAL: SINCE - 1}, number=12, now=NOW, days=2)
    assert made.revoked == {5: SINCE, LARGEST_SERIAL: SINCE - 1}
    assert made.version == (12, int(NOW.timestamp()))
    assert made.next_update == NOW + timedelta(days=2)
    assert read_list(made.der, ca) == made
    assert read_list(made.pem().encode(), ca) == made


def test_a_list_may_be_empty() -> None:
    assert make_list(CA, KEY, {}, number=1, now=NOW).revoked == {}


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.integers(1, LARGEST_SERIAL), st.integers(0, 2**31), max_size=5),
    st.integers(1, 2**63 - 1),
)
def test_what_was_revoked_and_which_number_it_has_comes_back(
    revoked: dict[int, int], number: int
) -> None:
    made = make_list(CA, KEY, revoked, number=number, now=NOW)
    assert (made.revoked, made.number) == (revoked, number)


def test_the_higher_number_is_in_force_and_of_equals_the_later_one() -> None:
    second = make_list(CA, KEY, {}, number=2, now=NOW + timedelta(days=1))
    assert LIST.newer_than(None)
    assert LIST.newer_than(second)
    assert not second.newer_than(LIST)
    assert not LIST.newer_than(LIST)
    later = replace(LIST, made_at=NOW + timedelta(seconds=1))
    assert later.newer_than(LIST)
    assert not LIST.newer_than(later)


def test_a_list_is_of_no_use_unless_the_ca_signed_it() -> None:
    with pytest.raises(FormatError, match="not signed by the CA"):
        read_list(LIST.der, TWIN)
    with pytest.raises(FormatError, match="not signed by the CA"):
        read_list(signed(x509.CRLNumber(9), key=strange_key()), CA)
    other = certificate("another", KEY)
    with pytest.raises(FormatError, match="of another CA"):
        read_list(LIST.der, other)


def strange_key() -> PrivateKey:
    """A key of somebody else."""
    return ec.generate_private_key(ec.SECP256R1())


def test_a_ca_that_may_not_sign_lists_signed_none() -> None:
    ca = certificate("a swarm", KEY, crl_sign=False)
    with pytest.raises(FormatError, match="may sign revocation lists"):
        read_list(LIST.der, ca)


def test_parts_of_lists_and_what_is_not_understood_are_refused() -> None:
    number = x509.CRLNumber(4)
    with pytest.raises(FormatError, match="no number"):
        read_list(signed(), CA)
    with pytest.raises(FormatError, match="no number"):
        read_list(signed(x509.CRLNumber(2**64)), CA)
    with pytest.raises(FormatError, match="only whole lists"):
        read_list(signed(number, x509.DeltaCRLIndicator(3)), CA)
    part = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    with pytest.raises(FormatError, match="only whole lists"):
        read_list(signed(number, part), CA)
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\0")
    with pytest.raises(FormatError, match="not known here"):
        read_list(signed(number, strange, critical=True), CA)
    assert read_list(signed(number, strange), CA).number == 4


@pytest.mark.parametrize(
    "data",
    [b"", b"rubbish", LIST.der[:-1], LIST.der + b"\0", b"-----BEGIN X509 CRL-----\nAAAA", b"0\x80"],
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_list(data, CA)


def test_lists_are_bounded() -> None:
    with pytest.raises(FormatError, match="longer than 704 KiB"):
        read_list(bytes(MAX_LIST + 1), CA)
    with pytest.raises(FormatError, match="longer than 704 KiB"):
        read_list(b"-----BEGIN X509 CRL-----" + bytes(2 * MAX_LIST), CA)
    with pytest.raises(FormatError, match="16384 certificates at most"):
        make_list(CA, KEY, dict.fromkeys(range(1, MAX_REVOKED + 2), SINCE), number=1, now=NOW)
    with pytest.raises(FormatError, match="number 0"):
        make_list(CA, KEY, {}, number=0, now=NOW)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(LIST.der) - 1), st.integers(1, 255))
def test_one_byte_changed_and_it_is_no_list_of_the_ca(at: int, change: int) -> None:
    damaged = bytearray(LIST.der)
    damaged[at] ^= change
    try:
        found = read_list(bytes(damaged), CA)
    except FormatError:
        return
    assert found.revoked == LIST.revoked  # ECDSA signatures have more than one encoding


def test_certificates_on_the_list_are_refused_wherever_they_are_in_the_chain() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    between = certificate("between", key, by=(CA, KEY), serial=7)
    leaf = certificate("peer", ec.generate_private_key(ec.SECP256R1()), by=(between, key), serial=8)
    fine = certificate("peer", key, by=(CA, KEY), serial=8)
    assert refusal([fine], CA, LIST) is None
    assert refusal([fine], CA, None) is None
    assert refusal([leaf, between], CA, LIST) == "its certificate is revoked (serial 7)"
    revoked = certificate("peer", key, by=(CA, KEY), serial=99)
    assert refusal([revoked, CA], CA, LIST) == "its certificate is revoked (serial 63)"


def test_a_serial_that_another_ca_gave_is_not_meant() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    other = certificate("another", key)
    assert refusal([certificate("peer", key, by=(other, key), serial=7)], CA, LIST) is None


def test_lists_belong_to_a_name_and_a_key() -> None:
    assert ca_id(CA) == ca_id(certificate("a swarm", KEY, serial=2))
    assert ca_id(CA) != ca_id(TWIN)
    assert ca_id(CA) != ca_id(certificate("another", KEY))


@pytest.mark.parametrize(("text", "serial"), [("63", 99), ("0xFF", 255), (" 0A:1b ", 0x0A1B)])
def test_a_serial_is_read_as_it_is_shown(text: str, serial: int) -> None:
    assert parse_serial(text) == serial


@pytest.mark.parametrize("text", ["", "0", "-1", "xyz", "1 2", "f" * 41, "٣", "1" * 100_000])
def test_what_is_no_serial_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="no serial"):
        parse_serial(text)
