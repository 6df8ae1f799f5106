"""The allowed-fast set of a peer (BEP 6, "Allowed Fast Set Generation"), a pure function."""

from __future__ import annotations

import hashlib
import ipaddress


def allowed_fast_set(host: str, info_hash: bytes, piece_count: int, count: int = 10) -> list[int]:
    """The pieces that a choked peer at this IPv4 address may have, in canonical order.

    `host` is an IPv4 literal in text, `info_hash` the connection's 20 bytes. BEP 6 has no set for
    IPv6: then it is empty. Never more than `piece_count` pieces.
    """
    address = ipaddress.ip_address(host)
    if address.version != 4 or piece_count <= 0:
        return []
    allowed: dict[int, None] = {}
    wanted = min(count, piece_count)
    # The /24 network, so that many addresses of one network get no more pieces than one.
    digest = address.packed[:3] + b"\0" + info_hash
    while len(allowed) < wanted:
        digest = hashlib.sha1(digest, usedforsecurity=False).digest()
        for at in range(0, 20, 4):
            if len(allowed) < wanted:
                allowed[int.from_bytes(digest[at : at + 4], "big") % piece_count] = None
    return list(allowed)
