"""Certificates that members of a swarm, or enemies who had one issued, may come up with."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from p2pd.transports.tls.context import swarm_context
from tests.transports.tls.swarm import (
    DAY,
    NAME,
    Authority,
    Side,
    accepted,
    anybody,
    authority,
    dialled,
    name,
    pem,
)

EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
NULL = b"\x05\x00"


class Shown(NamedTuple):
    """What somebody shows: certificates and the key of the first, in PEM."""

    certificates: str
    key: str


Extensions = Sequence[tuple[x509.ExtensionType, bool]]


def made(
    by: Authority,
    subject: str = "*",
    key: Any = None,
    extensions: Extensions = (),
    digest: Any = None,
) -> tuple[x509.Certificate, Any]:
    """A certificate of this CA."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(by.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(by.key, digest or hashes.SHA256()), key


def shown(*extensions: tuple[x509.ExtensionType, bool], **options: Any) -> Shown:
    certificate, key = made(authority(), extensions=extensions, **options)
    return Shown(pem(certificate), _pem_of(key))


def _pem_of(key: Any) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()


def chain(length: int) -> Shown:
    """By way of so many other CAs."""
    by, between = authority(), ""
    for at in range(length):
        by = Authority(f"between {at}", by)
        between = by.pem + between
    certificate, key = made(by)
    return Shown(pem(certificate) + between, _pem_of(key))


def too_deep() -> Shown:
    """Of a CA that may have none below it, and has."""
    narrow, below = Authority("narrow", authority()), Authority("below")
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    certificate, key = made(authority(), "narrow", extensions=[(constraints, True)])
    narrow.key = key
    wide = x509.BasicConstraints(ca=True, path_length=None)
    second, second_key = made(narrow, "below", extensions=[(wide, True)])
    below.key = second_key
    own, own_key = made(below)
    return Shown(pem(own) + pem(second) + pem(certificate), _pem_of(own_key))


def of_no_authority() -> Shown:
    """A peer issued it."""
    peer = Authority("a peer", authority())
    no = x509.BasicConstraints(ca=False, path_length=None)
    certificate, key = made(authority(), "a peer", extensions=[(no, True)])
    peer.key = key
    own, own_key = made(peer)
    return Shown(pem(own) + pem(certificate), _pem_of(own_key))


def beyond_its_names() -> Shown:
    """Of a CA below the swarm's that is for another torrent."""
    below = Authority("below", authority())
    only = x509.NameConstraints([x509.DNSName("another film")], None)
    ca = x509.BasicConstraints(ca=True, path_length=None)
    certificate, key = made(authority(), "below", extensions=[(ca, True), (only, True)])
    below.key = key
    names = x509.SubjectAlternativeName([x509.DNSName("film")])
    own, own_key = made(below, "somebody", extensions=[(names, False)])
    return Shown(pem(own) + pem(certificate), _pem_of(own_key))


def with_others(count: int) -> Shown:
    """It goes on with certificates that nobody needs."""
    own = shown()
    return Shown(own.certificates + Authority("another").pem * count, own.key)


REFUSED: dict[str, tuple[Callable[[], Shown], str]] = {
    "RSA of 1024 bits": (
        lambda: shown(key=rsa.generate_private_key(65537, 1024)),
        "the peer's certificate: its key is too weak",
    ),
    "an unknown extension that is critical": (
        lambda: shown((x509.UnrecognizedExtension(EXTENSION, NULL), True)),
        "the peer's certificate: it has a critical extension that is not known here",
    ),
    "a chain that is too long": (
        lambda: chain(5),
        "the peer's certificate: it is too many CAs away from the swarm's",
    ),
    "a hundred CAs": (
        lambda: chain(100),
        "the peer's certificate: it is too many CAs away from the swarm's",
    ),
    "a path that is too long": (
        too_deep,
        "the peer's certificate: it is too many CAs away from the swarm's",
    ),
    "issued by a peer": (of_no_authority, "the peer's certificate: its issuer is no CA"),
    "beyond the names of its CA": (
        beyond_its_names,
        "the peer's certificate: its issuer may not issue for this name",
    ),
    "a name of 200 KB": (
        lambda: shown((x509.SubjectAlternativeName([x509.DNSName("a" * 200_000)]), False)),
        "TLS: excessive message size",
    ),
    "400 certificates besides": (lambda: with_others(400), "TLS: excessive message size"),
}

LET_IN: dict[str, Callable[[], Shown]] = {
    "RSA of 2048 bits": lambda: shown(key=rsa.generate_private_key(65537, 2048)),
    "RSA of 4096 bits": lambda: shown(key=rsa.generate_private_key(65537, 4096)),
    "Ed25519": lambda: shown(key=ed25519.Ed25519PrivateKey.generate()),
    "P-384": lambda: shown(key=ec.generate_private_key(ec.SECP384R1()), digest=hashes.SHA384()),
    "four CAs between": lambda: chain(4),
    "certificates that nobody needs": lambda: with_others(50),
    "an unknown extension": lambda: shown((x509.UnrecognizedExtension(EXTENSION, NULL), False)),
    "both kinds of names": lambda: shown(
        (x509.SubjectAlternativeName([x509.DNSName("film")]), False), subject="somebody"
    ),
}


def meet(theirs: Shown, folder: Path, *, dials: bool, ca: str = "") -> Side:
    """Our side, after a foreign TLS without any rules showed this; `dials`: we dialled it."""
    pair = folder / "pair.pem"
    pair.write_text(theirs.certificates + theirs.key)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if dials else ssl.PROTOCOL_TLS_CLIENT)
    if not dials:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.load_cert_chain(pair)
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    host = None if dials else NAME
    foreign = made.wrap_bio(heard, said, server_side=dials, server_hostname=host)
    using = swarm_context(ca or authority().pem, *authority().issue(), check=anybody)
    side = dialled(using) if dials else accepted(using)
    for _ in range(6):
        if words := side.taken():
            heard.write(words)
        with contextlib.suppress(OSError):
            foreign.do_handshake()
        if (words := said.read()) and not side.above.lost:
            side.hear(words)
    return side


@pytest.mark.parametrize("dials", [False, True], ids=["comes", "is dialled"])
@pytest.mark.parametrize("which", REFUSED)
def test_it_is_refused_in_words(which: str, dials: bool, tmp_path: Path) -> None:
    make, words = REFUSED[which]
    side = meet(make(), tmp_path, dials=dials)
    assert side.above.stream is None
    assert side.above.lost == [words]
    assert side.end.closed


@pytest.mark.parametrize("dials", [False, True], ids=["comes", "is dialled"])
@pytest.mark.parametrize("which", LET_IN)
def test_it_is_let_in(which: str, dials: bool, tmp_path: Path) -> None:
    side = meet(LET_IN[which](), tmp_path, dials=dials)
    assert side.above.stream is not None
    assert not side.above.lost


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
@pytest.mark.parametrize("dials", [False, True], ids=["comes", "is dialled"])
@pytest.mark.parametrize("digest", ["md5", "sha1"])
def test_a_signature_that_can_be_forged_is_none(digest: str, dials: bool, tmp_path: Path) -> None:
    """By OpenSSL's program: what makes other certificates here does not sign like that."""
    for words in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=films -days 2 -out ca.pem",
        "req -newkey rsa:2048 -nodes -keyout own.key -subj /CN=* -out own.csr",
        f"x509 -req -{digest} -in own.csr -CA ca.pem -CAkey ca.key -set_serial 5 -out own.pem",
        "x509 -req -sha256 -in own.csr -CA ca.pem -CAkey ca.key -set_serial 6 -out good.pem",
    ):
        subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    ca, key = (tmp_path / "ca.pem").read_text(), (tmp_path / "own.key").read_text()
    side = meet(Shown((tmp_path / "own.pem").read_text(), key), tmp_path, dials=dials, ca=ca)
    assert side.above.stream is None
    assert side.above.lost == [
        "the peer's certificate: it is signed with a digest that is too weak"
    ]
    good = meet(Shown((tmp_path / "good.pem").read_text(), key), tmp_path, dials=dials, ca=ca)
    assert good.above.stream is not None
