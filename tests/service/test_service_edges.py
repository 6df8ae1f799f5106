"""Where the daemon meets its surroundings: HTTP ports."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactor

from p2pd.base.errors import ConfigError
from p2pd.service.http_port import HttpPort
from p2pd.service.site_part import SitePart


@pytest.mark.parametrize("interface", ["127.0.0.1", ""])
def test_a_port_that_is_taken_is_named_with_its_key(interface: str) -> None:
    first = HttpPort("control.port", interface, 0)
    first.prepare()
    try:
        second = HttpPort("control.port", interface, first.port)
        with pytest.raises(ConfigError, match="another program listens there") as caught:
            second.prepare()
        assert str(caught.value).startswith(f"control.port: cannot listen on port {first.port} of ")
    finally:
        first.let_go()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="this machine has no such address"):
        HttpPort("control.port", "192.0.2.1", 0).prepare()


@pytest.mark.parametrize(
    ("interface", "host"),
    [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"),
     ("10.1.2.3", "10.1.2.3")],
)  # fmt: skip
def test_the_url_reaches_it_from_this_machine(interface: str, host: str) -> None:
    assert HttpPort("x", interface, 1).url_host == host


def test_callers_wait_until_the_site_is_there() -> None:
    reactor: Any = MemoryReactor()
    port = HttpPort("control.port", "127.0.0.1", 0)
    part = SitePart("site", port, lambda: "factory", reactor, "site at {}".format)  # type: ignore[arg-type, return-value]
    part.prepare()
    with socket.create_connection(("127.0.0.1", port.port), timeout=1):
        assert part.describe() == f"site at 127.0.0.1:{port.port}"
    port.let_go()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port.port), timeout=1)
