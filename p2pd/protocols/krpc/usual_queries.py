"""The queries that nearly all datagrams are, recognised at a glance and without being decoded.

A busy node gets thousands of ``ping``, ``find_node`` and ``get_peers`` a second, written by a few
programs in the one form that bencode allows (BEP 5). What is written otherwise, or has arguments of
later BEPs, is for :func:`p2pd.protocols.krpc.messages.parse`, which reads these to the same effect.
"""

from __future__ import annotations

import re

_QUERY = re.compile(
    rb"d1:ad2:id20:(.{20})"
    rb"(?:9:info_hash20:(.{20})e1:q9:get_peers|6:target20:(.{20})e1:q9:find_node|e1:q4:ping)"
    rb"(2:roi1e)?1:t([1-8]:.{1,8}?)(?:1:v4:.{4})?1:y1:qe",
    re.DOTALL,
)
_ZERO = ord("0")


UsualQuery = tuple[bytes, bytes | None, bytes | None, bytes | None, bytes]
"""The sender's id; the info-hash of a ``get_peers``; the target of a ``find_node``; something, if
the sender is not to be asked (BEP 43); the transaction id, bencoded. A ``ping`` has no hash."""


def recognised(data: bytes) -> UsualQuery | None:
    """The parts of such a query; None when it is something else, or nothing at all."""
    match = _QUERY.fullmatch(data)
    if match is None:
        return None
    parts: UsualQuery = match.groups()  # type: ignore[assignment]
    # The length before the transaction id has to be its length: else the bytes mean something else.
    return parts if parts[4][0] - _ZERO == len(parts[4]) - 2 else None
