"""For which hosts a certificate is: names of torrents and of peers make no server."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from p2pd.formats.x509.server_names import HostError, host_of, is_for_host
from tests.formats.x509.certificates import alternative_names, certificate, dns_name


@pytest.mark.parametrize(
    ("name", "host", "good"),
    [
        ("tracker.example.org", "tracker.example.org", True),
        ("Tracker.Example.ORG", "tracker.example.org", True),
        ("tracker.example.org", "TRACKER.example.org.", True),
        ("localhost", "localhost", True),
        ("*.example.org", "tracker.example.org", True),
        ("*.example.org", "a.tracker.example.org", False),
        ("*.example.org", "example.org", False),
        ("*.org", "example.org", False),
        ("*.org.", "example.org.", False),
        ("*", "tracker", False),
        ("*", "tracker.example.org", False),
        ("tr*.example.org", "tracker.example.org", False),
        ("example.org", "tracker.example.org", False),
        ("", "", False),
        ("192.0.2.1", "192.0.2.1", False),
        ("*.0.2.1", "192.0.2.1", False),
    ],
)
def test_a_name(name: str, host: str, good: bool) -> None:
    made = certificate((), alternative_names(dns_name(name.encode())))
    assert is_for_host(made, host) is good


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Tracker.Example.org.", "tracker.example.org"),
        ("*.Example.org", "*.example.org"),
        ("localhost", "localhost"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::0:1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_host_is_written_in_one_way(text: str, host: str) -> None:
    assert host_of(text) == host
    assert host_of(host) == host


@pytest.mark.parametrize(
    "text",
    ["", ".", "*", "*.", "*.org", "a.*.org", "a b", "a\0b", "https://a.org", "a.org:443", "a..b",
     "-a.org", "a-.org", "1.2.3", "1.2.3.256", "fe80::1%eth0", "a" * 64, "a." * 127 + "ab",
     "\ud800"],
)  # fmt: skip
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(HostError, match="no name or address of a host"):
        host_of(text)


@given(st.text(max_size=80))
def test_any_text_is_a_host_that_counts_or_is_refused(text: str) -> None:
    try:
        host = host_of(text)
    except HostError:
        return
    assert host.isascii()
    assert host_of(host) == host


def test_a_common_name_is_none() -> None:
    assert not is_for_host(certificate(["tracker.example.org"]), "tracker.example.org")


def test_one_of_several_is_enough() -> None:
    made = certificate((), alternative_names(dns_name(b"*"), dns_name(b"t.example.org")))
    assert is_for_host(made, "t.example.org")


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_addresses_are_of_their_own_type(address: str) -> None:
    name = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    assert is_for_host(certificate((), name), address)
    assert not is_for_host(certificate((), name), "192.0.2.2")
    assert not is_for_host(certificate((), name), "t.example.org")


def test_what_cannot_be_read_is_for_nobody() -> None:
    broken = certificate((), alternative_names(dns_name(b"t.example.org"), b"\xff\xff"))
    assert not is_for_host(broken, "t.example.org")
