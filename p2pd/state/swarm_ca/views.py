"""Authorities and what they issue as the control API tells of them, and p2pctl with --folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from p2pd.base.errors import P2pdError
from p2pd.formats.x509.peer_names import names
from p2pd.formats.x509.pem import certificate_pem
from p2pd.formats.x509.revocation import RevocationList
from p2pd.formats.x509.server_names import hosts_of
from p2pd.formats.x509.swarm_ca import fingerprint
from p2pd.state.swarm_ca.book import Book, EnrolmentToken, Issued
from p2pd.state.swarm_ca.folder import SwarmCaFolder
from p2pd.state.swarm_ca.issuing import Given
from p2pd.state.swarm_ca.revoking import RevokedCertificate

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuthorityView:
    """An authority, for reading. `problem` says why no more is known of it."""

    name: str
    certificate: x509.Certificate | None = None
    book: Book | None = None
    problem: str = ""


def seen(name: str, folder: SwarmCaFolder) -> AuthorityView:
    """An authority as it is now. Blocks."""
    try:
        return AuthorityView(name, folder.certificate(), folder.book())
    except P2pdError as problem:
        return AuthorityView(name, problem=str(problem))


def whole_row(view: AuthorityView, warnings: Sequence[str] = ()) -> Row:
    """An authority with all that it issued."""
    book = view.book
    renewed = {row.renewed_from for row in book.issued.values()} if book else set()
    issued = book.issued.values() if book else ()
    return {
        "cas": [ca_row(view, warnings)],
        "issued": [
            {**issued_row(row, book.revoked if book else {}), "renewed": row.serial in renewed}
            for row in issued
        ],
        "tokens": [token_row(x) for x in book.tokens.values()] if book else [],
    }


def ca_row(view: AuthorityView, warnings: Sequence[str] = ()) -> Row:
    """A CA; `warnings` say what of it ends soon (ends.py)."""
    row: Row = {"name": view.name, "problem": view.problem, "warnings": list(warnings)}
    if view.certificate is None or view.book is None:
        return row
    limits, book = view.book.limits, view.book
    return {
        **row,
        "certificate": certificate_pem(view.certificate),
        **dates_of(view.certificate),
        "fingerprint": fingerprint(view.certificate).hex(),
        "names": list(limits.names),
        "usual_days": limits.usual_days,
        "most_days": limits.most_days,
        "issued_count": len(book.issued),
        "revoked_count": len(book.revoked),
        "token_count": len(book.tokens),
    }


def issued_row(row: Issued, revoked: dict[int, int]) -> Row:
    """A certificate that a CA issued."""
    return {
        "serial": f"{row.serial:x}",
        "names": list(row.names),
        "label": row.label,
        "issued_date": row.issued_at,
        "expires_date": row.expires_at,
        "revoked_date": revoked.get(row.serial, 0),
        "way": row.way,
        "renewable": row.renewable,
        "server": row.server,
    }


def revoked_answer(
    rows: Sequence[RevokedCertificate], in_force: RevocationList | None, *, with_list: bool = False
) -> Row:
    """Certificates that were taken back, and the list in force; `with_list`: that in PEM, too."""
    answer: Row = {
        "revoked": [revoked_row(row) for row in rows],
        "number": 0 if in_force is None else in_force.number,
        "made_date": 0 if in_force is None else int(in_force.made_at.timestamp()),
        "next_date": 0 if in_force is None else int(in_force.next_update.timestamp()),
        "hash_strings": [],
    }
    if with_list:
        answer["crl"] = "" if in_force is None else in_force.pem()
    return answer


def revoked_row(row: RevokedCertificate) -> Row:
    """A certificate that was taken back."""
    return {
        "serial": f"{row.serial:x}",
        "label": row.label,
        "names": list(row.names),
        "revoked_date": row.revoked_at,
        "expires_date": row.expires_at,
        "along": row.along,
    }


def token_row(row: EnrolmentToken) -> Row:
    """A token, without its secret, which nobody knows."""
    return {
        "id": row.id,
        "names": list(row.names),
        "label": row.label,
        "days": row.days,
        "uses": row.uses,
        "used": row.used,
        "created_date": row.made_at,
        "expires_date": row.expires_at,
        "renewable": row.renewable,
        "hash_strings": list(row.torrents),
    }


def given_row(given: Given) -> Row:
    """A certificate that was issued just now."""
    hosts = hosts_of(given.certificate)
    return {
        "certificate": certificate_pem(given.certificate),
        "private_key": given.private_key,
        "ca": certificate_pem(given.ca),
        "serial": f"{given.certificate.serial_number:x}",
        "names": [] if hosts else list(names(given.certificate)),
        "hosts": list(hosts),
        **dates_of(given.certificate),
    }


def dates_of(certificate: x509.Certificate) -> Row:
    """From when and until when it is valid, in Unix seconds."""
    return {
        "valid_date": int(certificate.not_valid_before_utc.timestamp()),
        "expires_date": int(certificate.not_valid_after_utc.timestamp()),
    }
