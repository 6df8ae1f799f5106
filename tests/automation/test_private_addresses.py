"""Which addresses may be connected to for what strangers wrote."""

from __future__ import annotations

import pytest

from p2pd.automation.private_addresses import PrivateAddresses
from p2pd.base.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("93.184.216.34", False),
        ("2606:2800:220:1::1", False),
        ("127.0.0.1", True),
        ("0.0.0.0", True),
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("224.0.0.1", True),
        ("::1", True),
        ("::", True),
        ("fe80::1", True),
        ("fd00::1", True),
        ("::ffff:127.0.0.1", True),
        ("64:ff9b::7f00:1", True),
        ("64:ff9b::5db8:d822", False),
        ("2002:7f00:1::", True),
        ("2001:0:1:2:3:4:80ff:fffe", True),
        ("ff02::1", True),
    ],
)
def test_only_public_ones(host: str, refused: bool) -> None:
    assert PrivateAddresses().refuses(host) == refused


def test_those_that_are_named_are_let() -> None:
    private = PrivateAddresses(["127.0.0.0/8", "192.168.1.5", "fd00::/8"])
    assert not private.refuses("127.9.9.9")
    assert not private.refuses("192.168.1.5")
    assert not private.refuses("fd00::1")
    assert private.refuses("192.168.1.6")
    assert private.refuses("::1")
    with pytest.raises(ConfigError, match="no network"):
        PrivateAddresses(["nonsense"])
