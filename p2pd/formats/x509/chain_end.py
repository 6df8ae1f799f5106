"""When a chain of certificates ends: with the first of them that does.

A chain begins with who shows it; what follows leads to the CA.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Sequence

from cryptography import x509

OWN = "its certificate"
BETWEEN = "a certificate between its own and the CA's"
OF_CA = "the certificate of the torrent's CA"


class ChainEnd(NamedTuple):
    """`moment` is in UTC; `what` ends then: one of the words above."""

    moment: datetime
    what: str


def first_end(chain: Sequence[x509.Certificate], *, has_ca: bool) -> ChainEnd:
    """Of a chain that is not empty; whether its last one is the CA's. Of equal ones the first."""
    last = len(chain) - 1
    return min(
        (
            ChainEnd(
                each.not_valid_after_utc,
                OWN if not at else OF_CA if has_ca and at == last else BETWEEN,
            )
            for at, each in enumerate(chain)
        ),
        key=lambda end: end.moment,
    )
