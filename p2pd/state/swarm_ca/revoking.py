"""An authority takes certificates back: it notes them in its book and signs its next list.

The list lies beside the book (`revoked.pem`), so an authority that is kept apart from any daemon
has something to hand over. What is on a list that somebody else has of this authority (it was
kept in two places, or came back from a backup) stays on the next one, which has a higher number.
All of it blocks: it is for threads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Container, Sequence

from p2pd.base.errors import FormatError, StateError
from p2pd.formats.x509.revocation import (
    MAX_LIST_TEXT,
    USUAL_DAYS,
    RevocationList,
    make_list,
    parse_serial,
    read_list,
)
from p2pd.formats.x509.swarm_ca import SwarmCaError
from p2pd.state.files import sync_folder, write_whole
from p2pd.state.swarm_ca.book import Book
from p2pd.state.swarm_ca.folder import SwarmCaFolder

LIST = "revoked.pem"
MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class RevokedCertificate:
    """A certificate that was taken back; times are in Unix seconds.

    `names` is empty, and `expires_at` 0, of one that is not in the book. `along`: nobody named it,
    but it is of one line of renewals with one that was named.
    """

    serial: int
    revoked_at: int
    label: str = ""
    names: tuple[str, ...] = ()
    expires_at: int = 0
    along: bool = False


def revoke(
    folder: SwarmCaFolder,
    which: Sequence[str],
    now: datetime,
    *,
    known: RevocationList | None = None,
    unknown_too: bool = False,
    only_these: bool = False,
    days: float = USUAL_DAYS,
) -> tuple[list[RevokedCertificate], RevocationList]:
    """Take certificates back, by serial in hexadecimal or by label: they, and the next list.

    A label stands for all certificates of that peer that are not over. What one was renewed into,
    and those that it is a renewal of, go along unless `only_these` are meant: who stole a
    certificate may have renewed it. `known` is the list of this authority that is in force
    elsewhere. Serials that are not in the book are taken only with `unknown_too`. Raises
    SwarmCaError, StateError, SealedKeyError, FormatError.
    """
    if not 0 < len(which) <= MOST_AT_ONCE:
        raise SwarmCaError(f"1 to {MOST_AT_ONCE} certificates are revoked at one time")
    with folder.changing() as book:
        over = book.forget_old(now.timestamp())
        found = [serial for each in which for serial in _serials(book, each, now, unknown_too)]
        book.check_unknown(found)
        along = [] if only_these else _along(book, found, now)
        since = int(now.timestamp())
        for serial in (*found, *along):
            book.revoked.setdefault(serial, since)
        made = _next_list(folder, book, known, now, days, over)
        rows = [_row(book, serial) for serial in dict.fromkeys(found)]
        rows += [replace(_row(book, serial), along=True) for serial in along]
    return rows, made


def renew_list(
    folder: SwarmCaFolder,
    now: datetime,
    *,
    known: RevocationList | None = None,
    days: float = USUAL_DAYS,
) -> RevocationList:
    """A new list of the same certificates, good for longer. Raises as `revoke` does.

    Those that were over long ago leave it (RFC 5280, section 5).
    """
    with folder.changing() as book:
        over = book.forget_old(now.timestamp())
        return _next_list(folder, book, known, now, days, over)


def revoked(folder: SwarmCaFolder) -> list[RevokedCertificate]:
    """What was taken back, the last first. Raises StateError."""
    book = folder.book()
    rows = [_row(book, serial) for serial in book.revoked]
    return sorted(rows, key=lambda row: (-row.revoked_at, row.serial))


def current_list(folder: SwarmCaFolder) -> RevocationList | None:
    """The authority's last list; None: it never made one, or it cannot be read."""
    try:
        with open(os.path.join(folder.path, LIST), "rb") as file:
            return read_list(file.read(MAX_LIST_TEXT + 1), folder.certificate())
    except (OSError, FormatError, StateError):
        return None


def _next_list(
    folder: SwarmCaFolder,
    book: Book,
    known: RevocationList | None,
    now: datetime,
    days: float,
    over: Container[int],
) -> RevocationList:
    ours = current_list(folder)
    # One that the book does not know of was made before a crash, or the book is of a backup.
    before = [ours] if ours is not None and ours.number > book.list_number else []
    if known is not None and known.newer_than(ours):
        before.append(known)
    for each in before:
        for serial, since in each.revoked.items():
            if serial not in over:
                book.revoked.setdefault(serial, since)
    book.list_number = max([book.list_number, *(each.number for each in before)]) + 1
    made = make_list(
        folder.certificate(),
        folder.key(),
        book.revoked,
        number=book.list_number,
        now=now,
        days=days,
    )
    path = os.path.join(folder.path, LIST)
    try:
        write_whole(path, made.pem().encode())
        sync_folder(folder.path)
    except OSError as problem:
        raise StateError(f"{path}: {problem.strerror}") from None
    return made


def _serials(book: Book, which: str, now: datetime, unknown_too: bool) -> list[int]:
    at = now.timestamp()
    found = [
        row.serial for row in book.issued.values() if row.label == which and row.expires_at > at
    ]
    try:
        serial = parse_serial(which)
    except FormatError:
        serial = 0
    # Who enrols may call himself by another's serial: that one is meant all the same.
    if serial in book.issued or serial in book.revoked or (serial and unknown_too and not found):
        found.append(serial)
    if found:
        return found
    raise SwarmCaError(f"the CA issued no certificate with the label or serial {which[:100]!r}")


def _along(book: Book, named: Sequence[int], now: datetime) -> list[int]:
    """What is to go with those that were named: what is good still, the last first."""
    rows = [book.issued[serial] for serial in book.lines(named).difference(named, book.revoked)]
    good = [row for row in rows if row.expires_at > now.timestamp()]
    return [row.serial for row in sorted(good, key=lambda row: (-row.issued_at, row.serial))]


def _row(book: Book, serial: int) -> RevokedCertificate:
    since = book.revoked[serial]
    row = book.issued.get(serial)
    if row is None:
        return RevokedCertificate(serial, since)
    return RevokedCertificate(serial, since, row.label, row.names, row.expires_at)
