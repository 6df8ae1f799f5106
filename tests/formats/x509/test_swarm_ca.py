"""Authorities of swarms: what is in their certificates, and whose they do not become."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats.x509 import pem, swarm_ca
from p2pd.formats.x509.own_certificate import UnfitError, check_own
from p2pd.formats.x509.peer_names import matches, names
from p2pd.formats.x509.server_names import hosts_of, is_for_host
from p2pd.formats.x509.swarm_ca import SwarmCaError, issue, new_ca
from tests.formats.x509.certificates import NOW, certificate

CA, CA_KEY = new_ca("films", 3650, NOW)
PEER = swarm_ca.new_key()
NAMES = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
                         min_size=1, max_size=60), min_size=1, max_size=5)  # fmt: skip


def issued(*wanted: str, days: float = 30, **options: Any) -> x509.Certificate:
    return issue(CA, CA_KEY, PEER.public_key(), wanted or ("*",), days, NOW, **options)


def extension(made: x509.Certificate, kind: Any) -> Any:
    return made.extensions.get_extension_for_class(kind)


def test_an_authority_issues_to_peers_and_to_no_other_authority() -> None:
    basic = extension(CA, x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = extension(CA, x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign) == (True, True)
    assert swarm_ca.is_authority(CA)
    assert swarm_ca.read_ca(pem.certificate_pem(CA)) == CA
    assert CA.subject == CA.issuer
    assert CA.not_valid_after_utc == NOW + timedelta(days=3650)


def test_what_a_server_gets_is_for_its_hosts_and_for_no_peer() -> None:
    hosts = ("tracker.example.org", "192.0.2.7", "2001:db8::1", "*.example.net")
    made = issued(*hosts, server=True, label="tracker")
    assert swarm_ca.is_issued_by(made, CA)
    assert list(extension(made, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert hosts_of(made) == (hosts[0], hosts[3], hosts[1], hosts[2])
    for host in (*hosts[:3], "a.example.net"):
        assert is_for_host(made, host)
    for host in ("example.org", "192.0.2.8", "2001:db8::2"):
        assert not is_for_host(made, host)
    key = pem.private_key_pem(PEER)
    ca, text = pem.certificate_pem(CA), pem.certificate_pem(made)
    with pytest.raises(UnfitError, match="both sides of a connection"):
        check_own(ca, text, key, hosts[0], NOW)
    assert hosts_of(issued("tracker.example.org")) == ()


def test_what_a_peer_gets() -> None:
    made = issued("film", days=30, label="the NAS")
    assert swarm_ca.is_issued_by(made, CA)
    assert pem.belongs(made, PEER)
    assert names(made) == ("film",)
    assert not swarm_ca.is_authority(made)
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (
        NOW - timedelta(hours=1), NOW + timedelta(days=30),
    )  # fmt: skip
    assert extension(made, x509.BasicConstraints).critical
    assert list(extension(made, x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH,
    ]  # fmt: skip
    own = extension(CA, x509.SubjectKeyIdentifier).value.digest
    assert extension(made, x509.AuthorityKeyIdentifier).value.key_identifier == own
    usage = extension(made, x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_cert_sign, usage.crl_sign) == (True, False, False)


def test_a_label_is_no_torrents_name() -> None:
    made = issued("film", label="secret plans")
    assert swarm_ca.label_of(made) == "secret plans"
    assert not matches(made, "secret plans")
    assert not matches(made, "films")
    assert made.subject.get_attributes_for_oid(NameOID.COMMON_NAME) == []


def test_serial_numbers_are_random_and_as_long_as_they_may_be() -> None:
    found = {issued().serial_number for _ in range(20)}
    assert len(found) == 20
    assert all(0 < serial < 2**159 for serial in found)
    assert max(found) > 2**150


@given(NAMES)
def test_any_name_of_a_torrent_goes_in_and_comes_out(wanted: list[str]) -> None:
    made = pem.read_certificate(pem.certificate_pem(issued(*wanted)))
    assert names(made) == tuple(dict.fromkeys(wanted))
    assert all(matches(made, name) for name in wanted)


@given(NAMES)
def test_an_authority_for_certain_names_says_so_in_its_certificate(wanted: list[str]) -> None:
    made, _ = new_ca("films", 10, NOW, names=wanted)
    again = swarm_ca.read_ca(pem.certificate_pem(made))
    if any("*" in name for name in wanted):  # that cannot be said
        with pytest.raises(x509.ExtensionNotFound):
            extension(again, x509.NameConstraints)
        return
    found = extension(again, x509.NameConstraints)
    assert found.critical
    permitted = [name.value for name in found.value.permitted_subtrees]
    assert permitted == list(dict.fromkeys(wanted))


def test_a_certificate_ends_with_its_authority() -> None:
    ca, key = new_ca("short", 2, NOW)
    made = issue(ca, key, PEER.public_key(), ["*"], 30, NOW)
    assert made.not_valid_after_utc == ca.not_valid_after_utc
    assert made.not_valid_before_utc >= ca.not_valid_before_utc


def test_an_authority_that_is_over_issues_no_more() -> None:
    ca, key = new_ca("short", 2, NOW)
    with pytest.raises(SwarmCaError, match="expired on 2026-05-03 12:00 UTC"):
        issue(ca, key, PEER.public_key(), ["*"], 30, NOW + timedelta(days=2))
    with pytest.raises(SwarmCaError, match="not valid before 2026-05-01 11:00 UTC"):
        issue(ca, key, PEER.public_key(), ["*"], 30, NOW - timedelta(hours=2))


@pytest.mark.parametrize(
    ("wanted", "days", "label", "words"),
    [
        ((), 30, "", "for at least one name, or for *"),
        (("",), 30, "", "this is no torrent's name: ''"),
        (("a\0b",), 30, "", "this is no torrent's name"),
        (("\ud800",), 30, "", "this is no torrent's name"),
        (("ü" * 128,), 30, "", "this is no torrent's name"),
        (tuple(map(str, range(101))), 30, "", "for 100 names at most"),
        (("*",), 0.01, "", "for 1 hour to 3650 days, not for 14.4 minutes"),
        (("*",), 4000, "", "for 1 hour to 3650 days, not for 4000 days"),
        (("*",), 1, "x" * 65, "a label has 1 to 64 letters"),
        (("*",), 1, "a\nb", "a label has 1 to 64 letters"),
    ],
)
def test_what_no_certificate_is_issued_for(
    wanted: tuple[str, ...], days: float, label: str, words: str
) -> None:
    with pytest.raises(SwarmCaError, match=re.escape(words)):
        issue(CA, CA_KEY, PEER.public_key(), wanted, days, NOW, label=label)


@pytest.mark.parametrize(("name", "days"), [("", 1), ("x" * 65, 1), ("a\n", 1), ("a", 40_000)])
def test_what_no_authority_is_called(name: str, days: float) -> None:
    with pytest.raises(SwarmCaError):
        new_ca(name, days, NOW)


def test_what_is_no_authority_is_refused_in_words() -> None:
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    for made in (
        issued(),
        certificate(["self"]),
        certificate(["odd"], x509.BasicConstraints(ca=True, path_length=None), usage),
    ):
        with pytest.raises(SwarmCaError, match="is of no CA: no peer's certificate can be issued"):
            swarm_ca.read_ca(pem.certificate_pem(made))


def test_whose_signature_it_is() -> None:
    other, other_key = new_ca("films", 3650, NOW)
    foreign = issue(other, other_key, PEER.public_key(), ["*"], 30, NOW)
    assert not swarm_ca.is_issued_by(foreign, CA)
    assert swarm_ca.is_issued_by(foreign, other)
    assert not swarm_ca.is_issued_by(certificate(["self"]), CA)


def test_keys_of_every_kind_ask_and_get() -> None:
    for key in (PEER, ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)):
        request = pem.read_request(pem.request_pem(swarm_ca.new_request(key)))
        public = request.public_key()
        assert isinstance(public, pem.PublicKey)
        assert pem.belongs(issue(CA, CA_KEY, public, ["*"], 1, NOW), key)


def test_an_authority_of_another_kind_issues_too() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "by hand")])
    ca = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(NOW).not_valid_after(NOW + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )  # fmt: skip
    assert swarm_ca.is_issued_by(issue(ca, key, PEER.public_key(), ["*"], 1, NOW), ca)
