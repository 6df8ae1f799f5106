"""Signatures of torrents (BEP 35): made, kept, checked, and not believed."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.formats.metainfo import parse_torrent, to_torrent
from p2pd.formats.torrent_signatures import (
    MAX_CERTIFICATE,
    MAX_SIGNATURES,
    TorrentSignature,
    parse_signatures,
    signatures_value,
)
from p2pd.formats.x509.pem import PrivateKey
from p2pd.formats.x509.torrent_signing import SignedInfo, Verdict, beyond_bep35, sign
from p2pd.testing import make_torrent

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TORRENT = make_torrent({"data": b"x" * 50_000}, trackers=(("http://t.test/a",),))
OTHER = make_torrent({"data": b"y" * 50_000})


@cache
def key_of(kind: str, number: int = 0) -> Any:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else _ed25519()


def _ed25519() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def certificate_of(
    key: PrivateKey,
    name: str,
    *,
    issuer: tuple[PrivateKey, str] | None = None,
    authority: bool = False,
    days: float = 365,
    begin: datetime = NOW - timedelta(days=1),
) -> x509.Certificate:
    by, issuer_name = issuer or (key, name)
    digest = None if isinstance(by, ed25519.Ed25519PrivateKey) else SHA256()
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )
    if authority:
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        made = made.add_extension(constraints, critical=True)
    return made.sign(by, digest)


def verdicts(torrent: bytes, *trusted: x509.Certificate, now: datetime = NOW) -> list[Verdict]:
    metainfo = parse_torrent(torrent)
    info = SignedInfo(metainfo.info_bytes)
    return [info.check(each, trusted, now) for each in metainfo.signatures]


def test_a_signed_torrent_is_the_same_one_and_says_by_whom() -> None:
    key = key_of("rsa")
    certificate = certificate_of(key, "org.example")
    signed = sign(TORRENT, certificate, key)
    assert parse_torrent(signed).info_hashes == parse_torrent(TORRENT).info_hashes
    assert parse_torrent(signed).trackers == parse_torrent(TORRENT).trackers
    (verdict,) = verdicts(signed)
    assert verdict == Verdict(
        "org.example", valid=True, trusted=False,
        problem="neither its certificate nor who issued it is trusted here", digest="sha256",
        signer="CN=org.example", issuer="CN=org.example",
        fingerprint=certificate.fingerprint(SHA256()).hex(),
    )  # fmt: skip
    (verdict,) = verdicts(signed, certificate)
    assert verdict.trusted
    assert verdict.problem == ""


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", ["rsa", "ec", "ed25519"])
def test_keys_of_each_kind_sign_with_each_digest(kind: str, digest: str) -> None:
    key = key_of(kind)
    signed = sign(TORRENT, certificate_of(key, "me"), key, digest=digest)
    (verdict,) = verdicts(signed)
    assert verdict.valid
    assert verdict.digest == ("ed25519" if kind == "ed25519" else digest)
    assert bool(beyond_bep35(key, digest)) is (kind != "rsa" or digest != "sha1")


def test_a_signature_is_of_one_torrent() -> None:
    key = key_of("rsa")
    signature = parse_torrent(sign(TORRENT, certificate_of(key, "me"), key)).signatures[0]
    verdict = SignedInfo(parse_torrent(OTHER).info_bytes).check(signature, (), NOW)
    assert not verdict.valid
    assert "not of this torrent" in verdict.problem
    assert verdict.signer == ""


def test_what_the_signer_adds_is_signed_too() -> None:
    key = key_of("rsa")
    info = parse_torrent(TORRENT).info_bytes
    told = {b"note": b"good"}
    signature = parse_torrent(sign(TORRENT, certificate_of(key, "me"), key)).signatures[0]
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    raw = bencode.encode(told)
    right = signature._replace(info=raw, signature=key.sign(info + raw, PKCS1v15(), SHA256()))
    assert SignedInfo(info).check(right, (), NOW).valid
    assert not SignedInfo(info).check(right._replace(info=b""), (), NOW).valid
    changed = right._replace(info=bencode.encode({b"note": b"bad!"}))
    assert not SignedInfo(info).check(changed, (), NOW).valid
    assert parse_signatures(signatures_value([right])) == (right,)


def test_a_certificate_that_a_trusted_one_issued_is_trusted_and_no_chain_beyond() -> None:
    root, middle, leaf = key_of("rsa"), key_of("ec"), key_of("ec", 1)
    ca = certificate_of(root, "root", authority=True)
    between = certificate_of(middle, "between", issuer=(root, "root"), authority=True)
    signed = sign(TORRENT, certificate_of(leaf, "me", issuer=(root, "root")), leaf)
    assert verdicts(signed, ca)[0].trusted
    chained = sign(TORRENT, certificate_of(leaf, "me", issuer=(middle, "between")), leaf)
    assert verdicts(chained, between)[0].trusted
    assert not verdicts(chained, ca)[0].trusted


def test_who_is_no_authority_makes_nobody_trusted() -> None:
    root, leaf = key_of("rsa"), key_of("ec", 1)
    signer = certificate_of(root, "root")
    signed = sign(TORRENT, certificate_of(leaf, "me", issuer=(root, "root")), leaf)
    assert not verdicts(signed, signer)[0].trusted


def test_a_foreign_authority_of_the_same_name_is_not_believed() -> None:
    root, other, leaf = key_of("rsa"), key_of("rsa", 1), key_of("ec", 1)
    ca = certificate_of(root, "root", authority=True)
    signed = sign(TORRENT, certificate_of(leaf, "me", issuer=(other, "root")), leaf)
    (verdict,) = verdicts(signed, ca)
    assert verdict.valid
    assert not verdict.trusted


def test_who_is_trusted_for_one_name_is_not_for_another() -> None:
    key = key_of("rsa")
    certificate = certificate_of(key, "org.example")
    (verdict,) = verdicts(sign(TORRENT, certificate, key, name="com.bank"), certificate)
    assert verdict.valid
    assert not verdict.trusted
    assert verdict.problem == "its certificate is for another name"


@pytest.mark.parametrize(
    ("now", "words"),
    [(NOW + timedelta(days=400), "expired on"), (NOW - timedelta(days=9), "not valid before")],
)
def test_trust_ends(now: datetime, words: str) -> None:
    key = key_of("rsa")
    certificate = certificate_of(key, "me")
    (verdict,) = verdicts(sign(TORRENT, certificate, key), certificate, now=now)
    assert verdict.valid
    assert not verdict.trusted
    assert words in verdict.problem


def test_a_certificate_that_is_left_out_is_one_of_the_trusted() -> None:
    key = key_of("rsa")
    certificate = certificate_of(key, "me")
    signed = sign(TORRENT, certificate, key, with_certificate=False)
    assert parse_torrent(signed).signatures[0].certificate is None
    assert verdicts(signed, certificate)[0].trusted
    (verdict,) = verdicts(signed)
    assert not verdict.valid
    assert "brings no certificate" in verdict.problem
    (verdict,) = verdicts(signed, certificate_of(key_of("rsa", 1), "me"))
    assert not verdict.valid


def test_several_sign_and_one_signs_again() -> None:
    first, second = key_of("rsa"), key_of("ec")
    signed = sign(TORRENT, certificate_of(first, "a"), first)
    signed = sign(signed, certificate_of(second, "b"), second)
    before = parse_torrent(signed).signatures
    signed = sign(signed, certificate_of(first, "a"), first, digest="sha512")
    assert [(each.name, each.valid, each.digest) for each in verdicts(signed)] == [
        ("a", True, "sha512"),
        ("b", True, "sha256"),
    ]
    assert parse_torrent(signed).signatures[1] == before[1]


def test_signatures_stay_when_the_torrent_is_written_again() -> None:
    key = key_of("rsa")
    signed = sign(TORRENT, certificate_of(key, "me"), key)
    again = to_torrent(parse_torrent(signed))
    assert parse_torrent(again).signatures == parse_torrent(signed).signatures
    assert verdicts(again)[0].valid


def test_what_cannot_be_signed_is_refused_in_words() -> None:
    key = key_of("rsa")
    certificate = certificate_of(key, "me")
    with pytest.raises(FormatError, match="not one of this key"):
        sign(TORRENT, certificate, key_of("ec"))
    with pytest.raises(FormatError, match="--name"):
        sign(TORRENT, certificate_of(key, ""), key)
    with pytest.raises(FormatError, match="no digest"):
        sign(TORRENT, certificate, key, digest="md5")
    with pytest.raises(FormatError):
        sign(b"d4:infoi1ee", certificate, key)
    signed = TORRENT
    for number in range(MAX_SIGNATURES):
        signed = sign(signed, certificate, key, name=f"n{number}")
    with pytest.raises(FormatError, match="already"):
        sign(signed, certificate, key)


GOOD = {b"signature": b"s" * 256}


@pytest.mark.parametrize(
    "value",
    [
        None, 7, b"x", [], {b"a": 7}, {b"a": {}}, {b"": GOOD}, {b"\xff": GOOD}, {b"n" * 256: GOOD},
        {b"a": {b"signature": b""}}, {b"a": {b"signature": 7}}, {b"a": {b"signature": b"s" * 3000}},
        {b"a": {**GOOD, b"certificate": 7}}, {b"a": {**GOOD, b"certificate": b""}},
        {b"a": {**GOOD, b"certificate": b"c" * (MAX_CERTIFICATE + 1)}},
        {b"a": {**GOOD, b"info": 7}}, {b"a": {**GOOD, b"info": {b"x": b"x" * 20_000}}},
    ],
)  # fmt: skip
def test_what_is_no_signature_is_left_out_and_the_torrent_is_taken(value: Any) -> None:
    assert parse_signatures(value) == ()
    root, _ = bencode.decode_torrent(TORRENT)
    if value is not None:
        assert parse_torrent(bencode.encode({**root, b"signatures": value})).signatures == ()


def test_there_are_no_more_than_so_many() -> None:
    value = {b"n%d" % number: GOOD for number in range(50)}
    assert len(parse_signatures(value)) == MAX_SIGNATURES


_names = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
_signatures = st.builds(
    TorrentSignature,
    _names,
    st.binary(min_size=1, max_size=300),
    st.none() | st.binary(min_size=1, max_size=300),
    st.just(b"") | st.dictionaries(st.binary(max_size=5), st.integers()).map(bencode.encode),
)


@given(st.lists(_signatures, max_size=MAX_SIGNATURES, unique_by=lambda each: each.name))
def test_signatures_survive_and_garbage_in_them_is_refused_in_words(
    made: list[TorrentSignature],
) -> None:
    value = signatures_value(made)
    read = parse_signatures(bencode.decode(bencode.encode(value)) if value else None)
    assert read == tuple(sorted(made, key=lambda each: each.name.encode()))
    for each in read:
        verdict = SignedInfo(b"de").check(each, (), NOW)
        assert not verdict.valid
        assert verdict.problem


def test_a_certificate_that_has_an_extension_twice_is_refused_in_words() -> None:
    key = key_of("ed25519")
    certificate = (
        x509.CertificateBuilder(named("me"), named("me"), key.public_key(), 1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b""), False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.5"), b""), False)
        .sign(key, None)
    )
    signed = sign(TORRENT, certificate, key)
    (signature,) = parse_torrent(signed).signatures
    assert signature.certificate is not None
    twice = signature.certificate.replace(b"\x2a\x03\x05", b"\x2a\x03\x04")
    assert twice != signature.certificate
    verdict = SignedInfo(parse_torrent(signed).info_bytes).check(
        signature._replace(certificate=twice), [], NOW
    )
    assert (verdict.valid, verdict.problem) == (False, "its certificate cannot be read")


def test_a_key_that_is_slow_or_weak_is_not_checked_with() -> None:
    info = parse_torrent(TORRENT).info_bytes
    small = certificate_of(rsa.generate_private_key(65537, 1024), "me")
    weak = TorrentSignature("me", b"s" * 128, small.public_bytes(Encoding.DER))
    assert not SignedInfo(info).check(weak, (), NOW).valid
    curve = certificate_of(ec.generate_private_key(ec.SECP256K1()), "me")
    other = TorrentSignature("me", b"s" * 70, curve.public_bytes(Encoding.DER))
    assert not SignedInfo(info).check(other, (), NOW).valid


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_openssl_agrees_as_bep_35_has_it(tmp_path: Path) -> None:
    """A certificate made by the commands of BEP 35, and a signature as its tool makes it."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "info").write_bytes(parse_torrent(TORRENT).info_bytes)
    openssl("genrsa", "-out", "key.pem", "2048")
    subject = "/CN=com.example"
    openssl("req", "-x509", "-new", "-key", "key.pem", "-days", "3650", "-subj", subject,
            "-out", "cert.pem")  # fmt: skip
    openssl("dgst", "-sha1", "-sign", "key.pem", "-out", "signature", "info")
    certificate = x509.load_pem_x509_certificate((tmp_path / "cert.pem").read_bytes())
    der = certificate.public_bytes(Encoding.DER)
    root, _ = bencode.decode_torrent(TORRENT)
    told = {b"certificate": der, b"signature": (tmp_path / "signature").read_bytes()}
    signed = bencode.encode({**root, b"signatures": {b"com.example": told}})
    (verdict,) = verdicts(signed, certificate, now=datetime.now(UTC))
    assert verdict.trusted
    assert verdict.digest == "sha1"
    from p2pd.formats.x509.pem import read_private_key

    key = read_private_key((tmp_path / "key.pem").read_bytes())
    ours = parse_torrent(sign(TORRENT, certificate, key, digest="sha1")).signatures[0]
    assert ours.signature == told[b"signature"]
