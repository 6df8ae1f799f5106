"""Which addresses are this machine itself."""

from __future__ import annotations


def is_loopback(host: str) -> bool:
    """Of a canonical address."""
    return host == "::1" or host.startswith("127.")
