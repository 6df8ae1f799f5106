"""Which torrents a certificate is for, right and wrong names of all kinds."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats.x509.peer_names import matches, names
from tests.formats.x509.certificates import alternative_names, certificate, der, dns_name

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


@given(NAMES, NAMES)
def test_a_name_is_for_itself_byte_by_byte_and_for_no_other(name: str, other: str) -> None:
    of_one = certificate((), alternative_names(dns_name(name.encode())))
    assert matches(of_one, name)
    assert names(of_one) == (name,)
    assert matches(of_one, other) == (name in (other, "*"))


@given(NAMES)
def test_a_star_is_for_every_torrent(name: str) -> None:
    assert matches(certificate((), alternative_names(dns_name(b"*"))), name)
    assert matches(certificate(["*"]), name)


@pytest.mark.parametrize(
    "wrong",
    ["Film", "film ", " film", "film.", "film\0", "film\0.mkv", "fil", "*.film", "x.film", "fïlm"],
)
def test_what_only_looks_like_it_is_another(wrong: str) -> None:
    assert not matches(certificate((), alternative_names(dns_name(wrong.encode()))), "film")
    assert not matches(certificate([wrong]), "film")


def test_stars_within_names_are_letters() -> None:
    pattern = certificate((), alternative_names(dns_name(b"film*")))
    assert not matches(pattern, "film 2")
    assert matches(pattern, "film*")


def test_any_of_the_names_will_do() -> None:
    several = certificate(["c"], alternative_names(dns_name(b"a"), dns_name(b"b")))
    assert [name for name in "abcd" if matches(several, name)] == ["a", "b", "c"]


def test_the_last_common_name_counts_alone() -> None:
    assert matches(certificate(["first", "last"]), "last")
    assert not matches(certificate(["first", "last"]), "first")
    assert not matches(certificate(["*", "last"]), "first")


def test_names_of_other_types_mean_nothing() -> None:
    address = x509.SubjectAlternativeName(
        [
            x509.IPAddress(ip_address("10.0.0.1")),
            x509.UniformResourceIdentifier("film"),
            x509.RFC822Name("film"),
        ]
    )
    other = certificate((), address)
    assert names(other) == ()
    assert not any(matches(other, name) for name in ("10.0.0.1", "film", "*"))


def test_a_torrent_without_a_name_is_nobodys() -> None:
    assert not matches(certificate(["*"]), "")


@pytest.mark.parametrize(
    "extension",
    [
        alternative_names(dns_name(b"")),
        alternative_names(dns_name(b"\xff\xfe")),
        alternative_names(b"\x82\x7f*"),
        alternative_names(der(0xA9, b"*")),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"*"),
    ],
)
def test_names_that_cannot_be_read_are_none(extension: x509.ExtensionType) -> None:
    broken = certificate(("film",), extension)
    assert not matches(broken, "*")
    assert names(broken) in ((), ("film",))
