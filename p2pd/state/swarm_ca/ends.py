"""What ends of an authority: its own certificate, and those that it issued and nobody renewed.

Who renews does it well before the end: a certificate is only told of when less than a quarter of
its life is left. What the node with the authority issued to itself, it sees to. Times are Unix
seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from p2pd.state.swarm_ca.book import Book, Issued
from p2pd.state.swarm_ca.views import AuthorityView

DAY = 86_400.0
USUAL_WARNING = 14 * DAY
NOTICE = 1 / 4
"""Of a life that is left when it is told of."""
MOST_TOLD = 20
"""Certificates of one authority that are told of; `swarm_ca_list` has all of them."""


@dataclass(frozen=True, slots=True)
class CaEnd:
    """Something that ends. `serial` is 0 for the authority's own certificate."""

    name: str
    ends_at: float
    serial: int = 0


def ends_of(view: AuthorityView, now: float) -> list[CaEnd]:
    """The authority's own, and the nearest of what it issued, as long as they have not ended."""
    if view.certificate is None or view.book is None:
        return []
    ca = CaEnd(view.name, view.certificate.not_valid_after_utc.timestamp())
    rows = sorted(unrenewed(view.book, now), key=lambda row: (row.expires_at, row.serial))
    issued = [CaEnd(_whose(view.name, row), row.expires_at, row.serial) for row in rows]
    return [ca, *issued[:MOST_TOLD]]


def unrenewed(book: Book, now: float) -> list[Issued]:
    """Certificates that nothing took the place of, and that have little of their life left."""
    renewed = {row.renewed_from for row in book.issued.values()}
    return [
        row
        for row in book.issued.values()
        if now < row.expires_at
        and row.expires_at - now <= (row.expires_at - row.issued_at) * NOTICE
        and row.serial not in renewed
        and row.serial not in book.revoked
        and not row.own
    ]


def warnings(view: AuthorityView, now: float, warn: float = USUAL_WARNING) -> Sequence[str]:
    """In words, what ends within `warn` seconds, the nearest first."""
    near = [end for end in ends_of(view, now) if end.ends_at - now <= warn]
    return [_sentence(end, now) for end in sorted(near, key=lambda end: end.ends_at)]


def _whose(ca: str, row: Issued) -> str:
    return f"{row.label or ', '.join(row.names)} (serial {row.serial:x}, of the CA {ca})"


def _sentence(end: CaEnd, now: float) -> str:
    verb = "ends on" if now < end.ends_at else "ended on"
    day = f"{datetime.fromtimestamp(end.ends_at, UTC):%Y-%m-%d %H:%M} UTC"
    if not end.serial:
        return f"the CA {end.name} {verb} {day}"
    return f"the certificate of {end.name} {verb} {day}, and was not renewed"
