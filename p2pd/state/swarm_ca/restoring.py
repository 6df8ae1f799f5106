"""CAs that come back from a backup: as they were, but for what was taken back since.

Who was revoked stays so: what the backup's list names, what the CA here took back, and what the
list in force elsewhere has are put together. Tokens do not come back, for nobody knows how often
they were used since, or whether they were revoked. It blocks: it is for threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from p2pd.base.errors import FormatError, P2pdError
from p2pd.formats.x509.pem import belongs, read_private_key
from p2pd.formats.x509.revocation import RevocationList, read_list
from p2pd.formats.x509.swarm_ca import SwarmCaError, fingerprint, read_ca
from p2pd.state.key_files import KeyFiles
from p2pd.state.swarm_ca.book import MOST_ISSUED, Book, book_json, read_book
from p2pd.state.swarm_ca.folder import (
    BOOK,
    CERTIFICATE,
    KEY,
    SwarmCaFolder,
    issued_name,
    put_folder,
)
from p2pd.state.swarm_ca.revoking import LIST, renew_list
from p2pd.state.swarm_ca.store import SwarmCaStore

InForce = Callable[[x509.Certificate], RevocationList | None]


@dataclass(frozen=True, slots=True)
class RestoredAuthority:
    """A CA that is here now; `is_new`: it was not before. `made` is its new list, if it has one."""

    certificate: x509.Certificate
    is_new: bool
    made: RevocationList | None


def restore_authority(
    store: SwarmCaStore,
    keys: KeyFiles,
    name: str,
    files: Mapping[str, bytes],
    in_force: InForce,
    now: datetime,
) -> RestoredAuthority:
    """Bring back one. Raises P2pdError, and leaves all as it is, if that cannot be."""
    try:
        ca = read_ca(files[CERTIFICATE])
        if not belongs(ca, read_private_key(files[KEY])):
            raise SwarmCaError(f"the key of the CA {name} in the backup is that of another")
        book = read_book(files[BOOK])
    except KeyError as lacking:
        raise SwarmCaError(f"the CA {name} in the backup has no {lacking.args[0]}") from None
    for serial, since in _listed(files, ca).items():
        book.revoked.setdefault(serial, since)
    book.tokens = {}
    folder = _same(store, ca)
    is_new = folder is None
    if folder is None:
        path = os.path.join(store.root, name)
        rest = {each: data for each, data in files.items() if each not in (KEY, BOOK)}
        put_folder(path, name, {**rest, BOOK: book_json(book)}, files[KEY], keys)
        folder = SwarmCaFolder(path, keys)
    else:
        _merge(folder, book, files)
    known = in_force(ca)
    is_revoking = bool(folder.book().revoked) or known is not None
    return RestoredAuthority(
        ca, is_new, renew_list(folder, now, known=known) if is_revoking else None
    )


def _listed(files: Mapping[str, bytes], ca: x509.Certificate) -> Mapping[int, int]:
    try:
        return read_list(files[LIST], ca).revoked
    except (KeyError, FormatError):
        return {}


def _same(store: SwarmCaStore, ca: x509.Certificate) -> SwarmCaFolder | None:
    """The folder of this CA, whatever it is called here."""
    for folder in store.authorities():
        try:
            if fingerprint(folder.certificate()) == fingerprint(ca):
                return folder
        except P2pdError:
            continue
    return None


def _merge(folder: SwarmCaFolder, saved: Book, files: Mapping[str, bytes]) -> None:
    """Take what the CA here does not know of: certificates, and that they are taken back."""
    with folder.changing() as book:
        lacking = [serial for serial in saved.issued if serial not in book.issued]
        del lacking[max(0, MOST_ISSUED - len(book.issued)) :]
        certificates = {serial: files.get(issued_name(serial)) for serial in lacking}
        folder.put_all_issued({serial: pem for serial, pem in certificates.items() if pem})
        book.issued |= {serial: saved.issued[serial] for serial in lacking}
        for serial, since in saved.revoked.items():
            book.revoked.setdefault(serial, since)
