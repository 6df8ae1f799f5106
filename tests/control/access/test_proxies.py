"""What proxies say of a request counts only if they are believed, and has a form."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.base.errors import ConfigError
from p2pd.control.access.proxies import NOT_FORWARDED, Forwarded, Proxies

PROXIES = Proxies(["10.0.0.0/8", "2001:db8::1", "unix"])


def sender(*lines: str, peer: str | None = "10.0.0.1") -> str:
    return PROXIES.read(peer, [line.encode() for line in lines]).address


def test_all_of_it_of_one_that_is_trusted() -> None:
    found = PROXIES.read(
        "10.1.2.3", [b"192.0.2.7"], [b"HTTPS"], [b"seedbox.test"], [b"/apps/p2pd/"]
    )
    assert found == Forwarded("192.0.2.7", "https", b"seedbox.test", b"/apps/p2pd")


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::2", "", "nonsense"])
def test_nothing_of_anybody_else(peer: str) -> None:
    said = [b"192.0.2.7"], [b"https"], [b"seedbox.test"], [b"/p2pd"]
    assert PROXIES.read(peer, *said) == NOT_FORWARDED
    assert Proxies().read(None, *said) == NOT_FORWARDED


def test_the_first_from_the_right_that_is_no_proxy_of_ours() -> None:
    assert sender("203.0.113.9, 192.0.2.7, 10.9.9.9") == "192.0.2.7"
    assert sender("203.0.113.9", "192.0.2.7") == "192.0.2.7"
    assert sender("10.0.0.7") == "10.0.0.7"
    assert sender("192.0.2.7", peer=None) == "192.0.2.7"
    assert sender("192.0.2.7:1234") == "192.0.2.7"
    assert sender("[2001:db8::9]:80") == "2001:db8::9"
    assert sender("2001:db8::9") == "2001:db8::9"
    assert sender("::ffff:192.0.2.7") == "192.0.2.7"


def test_what_is_no_address_ends_the_way() -> None:
    assert sender("192.0.2.7, unknown") == ""
    assert sender("192.0.2.7, unknown, 10.0.0.5") == "10.0.0.5"
    assert sender("") == ""
    assert sender("1.2.3.4," * 2000) == ""


@pytest.mark.parametrize(
    "prefix", [b"p2pd", b"/../etc", b"/a b", b"//evil.test", b"/a\r\nX: y", b"/" + b"x" * 300, b"/"]
)
def test_prefixes_that_are_none(prefix: bytes) -> None:
    assert PROXIES.read("10.0.0.1", prefix=[prefix]).prefix == b""


def test_what_cannot_be_trusted_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"control.trusted_proxies.*proxy\.lan"):
        Proxies(["proxy.lan"])


LINES = st.lists(st.binary(max_size=60) | st.sampled_from([b"10.0.0.1", b"192.0.2.1"]), max_size=4)


@given(sent_for=LINES, scheme=LINES, host=LINES, prefix=LINES)
def test_whatever_is_said(
    sent_for: list[bytes], scheme: list[bytes], host: list[bytes], prefix: list[bytes]
) -> None:
    found = PROXIES.read("10.0.0.1", sent_for, scheme, host, prefix)
    if found.address:
        ipaddress.ip_address(found.address)
    assert found.scheme in ("", "http", "https")
    assert found.prefix == b"" or (found.prefix.isascii() and found.prefix[:1] == b"/")
