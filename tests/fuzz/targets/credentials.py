"""Fuzz target: headers that say who calls, and for whom. They are read, or were not sent."""

from __future__ import annotations

import ipaddress

from p2pd.control.access.proxies import Proxies
from p2pd.control.auth import credentials_of
from p2pd.control.gate import host_name

SEEDS: list[bytes] = [
    b"Bearer p2pd_abcdefgh",
    b"Basic Ym9iOmNvcnJlY3QgaG9yc2U=",
    b"basic  Ym9i\n192.0.2.7, 10.0.0.1\nhttps\nseedbox.test:443\n/apps/p2pd",
    b"Basic ////\n[2001:db8::1]:80,unknown\nHTTP\n[::1]\n/../..",
    b"Digest x\n::ffff:1.2.3.4%eth0\n\xff\xff\nxn--\n//evil.test",
]

_PROXIES = Proxies(["10.0.0.0/8", "unix"])


def fuzz(data: bytes) -> None:
    """A line for each header."""
    authorization, *lines = (data.split(b"\n") + [b""] * 5)[:5]
    found = credentials_of(authorization)
    if found is not None:
        found.secret.encode()
        assert ":" not in found.user
    said = _PROXIES.read("10.0.0.1", *([line] for line in lines))
    if said.address:
        ipaddress.ip_address(said.address)
    assert said.scheme in ("", "http", "https")
    assert b".." not in said.prefix.split(b"/")
    host_name(said.host)
