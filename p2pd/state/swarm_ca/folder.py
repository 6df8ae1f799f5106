"""An authority in a folder of its own: its certificate, its key, its book, and what it issued.

`ca.pem`, `ca.key` (sealed, if there is a passphrase), `book.json` and `issued/SERIAL.pem`: the
folder has mode 0700 and the files 0600. Whoever changes something holds the folder's lock, so a
daemon and p2pctl may use one folder side by side. A certificate is in the book, and on the disk
itself, before it is handed out. All of it blocks: it is for threads.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Callable

from cryptography import x509

from p2pd.base.errors import StateError
from p2pd.formats.x509 import swarm_ca
from p2pd.formats.x509.pem import (
    MAX_PEM,
    PrivateKey,
    PublicKey,
    belongs,
    certificate_pem,
    private_key_pem,
    public_bytes,
    read_certificate,
    read_private_key,
)
from p2pd.formats.x509.server_names import host_of
from p2pd.formats.x509.swarm_ca import SwarmCaError
from p2pd.state.files import sync_folder, write_together, write_whole
from p2pd.state.key_files import KeyFiles
from p2pd.state.leftovers import remove_files
from p2pd.state.swarm_ca.book import MAX_BOOK, RENEWAL, Book, Issued, Limits, book_json, read_book

CERTIFICATE, KEY, BOOK, ISSUED, LOCK = "ca.pem", "ca.key", "book.json", "issued", "lock"
LOCK_SECONDS = 10.0
_TRY_SECONDS = 0.05
_LEFT = r"(ca\.pem|ca\.key|book\.json|revoked\.pem)\.new"
_LEFT_ISSUED = r"[0-9a-f]{1,40}\.pem\.new"
_UNFINISHED = re.compile(r"(ca\.pem|ca\.key|book\.json|revoked\.pem)(\.new)?|issued")

Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be issued. `days` None: as the authority usually does.

    With `server` the names are those, or addresses, of a server's host, and of no torrent.
    """

    names: tuple[str, ...]
    days: float | None = None
    label: str = ""
    way: str = ""
    renewable: bool = True
    server: bool = False
    own: bool = False


class SwarmCaFolder:
    """One authority. Raises StateError and SwarmCaError, with a sentence."""

    def __init__(self, path: str, keys: KeyFiles | None = None, sleep: Sleep = time.sleep) -> None:
        self.path = path
        self._keys = keys or KeyFiles()
        self._sleep = sleep

    @contextlib.contextmanager
    def changing(self) -> Iterator[Book]:
        """The book, kept when the block is left without an error."""
        with self._locked():
            book = self.book()
            before = set(book.issued)
            yield book
            self._write(BOOK, book_json(book))
            for serial in before - set(book.issued):
                with contextlib.suppress(OSError):
                    os.unlink(self._place(issued_name(serial)))

    def book(self) -> Book:
        """What it remembers."""
        try:
            return read_book(self._read(BOOK, MAX_BOOK))
        except StateError as problem:
            raise StateError(f"{self._place(BOOK)}: {problem}") from None

    def certificate(self) -> x509.Certificate:
        """The authority's own."""
        return swarm_ca.read_ca(self._read(CERTIFICATE, MAX_PEM), self._place(CERTIFICATE))

    def key(self) -> PrivateKey:
        """The authority's key. Raises SealedKeyError, too."""
        what = self._place(KEY)
        key = read_private_key(self._keys.read(what), what)
        if not belongs(self.certificate(), key):
            raise StateError(f"{what} is not the key of the certificate beside it")
        return key

    def issue(self, book: Book, key: PublicKey, wanted: Wanted, now: datetime) -> x509.Certificate:
        """Issue a certificate and note it; within `changing`."""
        days = book.limits.usual_days if wanted.days is None else wanted.days
        names, server = wanted.names, wanted.server
        if server:
            names = tuple(map(host_of, names))
        book.limits.check(names, days)
        ca, ca_key = self.certificate(), self.key()
        made = swarm_ca.issue(ca, ca_key, key, names, days, now, label=wanted.label, server=server)
        book.note_issued(
            Issued(
                serial=made.serial_number,
                names=names,
                key=key_id(key),
                issued_at=int(now.timestamp()),
                expires_at=int(made.not_valid_after_utc.timestamp()),
                label=wanted.label,
                way=wanted.way,
                renewable=wanted.renewable,
                server=server,
                own=wanted.own,
            )
        )
        self.put_issued(made.serial_number, _text(made))
        return made

    def put_issued(self, serial: int, pem: bytes) -> None:
        """Keep a certificate that it issued; within `changing`."""
        self._write(issued_name(serial), pem)

    def put_all_issued(self, certificates: Mapping[int, bytes]) -> None:
        """The same of many, by serial, also of those that a copy of it issued."""
        if not certificates:
            return
        folder = self._place(ISSUED)
        try:
            write_together(
                {self._place(issued_name(serial)): pem for serial, pem in certificates.items()}
            )
            sync_folder(folder)
        except OSError as problem:
            raise StateError(f"{folder}: {problem.strerror}") from None

    def renewed(
        self, book: Book, serial: int, key: PublicKey | None, now: datetime
    ) -> x509.Certificate:
        """Issue what a certificate says anew, for another key or for its own; within `changing`.

        Who asks again for the same other key is given the same again.
        """
        row = book.issued.get(serial)
        if row is None:
            raise SwarmCaError(f"the CA knows no certificate with the serial {serial:x}")
        if serial in book.revoked:
            raise SwarmCaError("the certificate is revoked: it is not renewed")
        if not row.renewable:
            raise SwarmCaError("the certificate was issued for once: it is not renewed")
        way = f"{RENEWAL}{serial:x}"
        if key is None:
            own = self.issued(serial).public_key()
            assert isinstance(own, PublicKey)
            key = own
        elif (again := book.of_key(key_id(key), way, now.timestamp())) is not None:
            return self.issued(again.serial)
        book.check_renewal(serial, now.timestamp())
        days = (row.expires_at - row.issued_at) / 86_400
        days = min(days, book.limits.most_days)
        wanted = Wanted(row.names, days, row.label, way, server=row.server, own=row.own)
        return self.issue(book, key, wanted, now)

    def issued(self, serial: int) -> x509.Certificate:
        """A certificate that it issued."""
        name = issued_name(serial)
        return read_certificate(self._read(name, MAX_PEM), self._place(name))

    def remove_leftovers(self) -> list[str]:
        """Remove what a kill left of files that were being written; the paths of those that go."""
        with self._locked():
            found = remove_files(self.path, _LEFT)
            return found + remove_files(self._place(ISSUED), _LEFT_ISSUED)

    def _write(self, name: str, data: bytes) -> None:
        path = os.path.join(self.path, name)
        try:
            write_whole(path, data)
            sync_folder(os.path.dirname(path))
        except OSError as problem:
            raise StateError(f"{path}: {problem.strerror}") from None

    def _read(self, name: str, most: int) -> bytes:
        path = os.path.join(self.path, name)
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            with open(file, "rb") as opened_file:
                mode = os.fstat(file).st_mode
                data = opened_file.read(most + 1)
        except OSError as problem:
            raise StateError(f"{path}: {problem.strerror}") from None
        if not stat.S_ISREG(mode) or len(data) > most:
            raise StateError(f"{path}: it is no file of a CA")
        return data

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        path = os.path.join(self.path, LOCK)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as problem:
            raise StateError(f"{path}: {problem.strerror}") from None
        try:
            self._take(file)
            yield
        finally:
            os.close(file)

    def _take(self, file: int) -> None:
        waited = 0.0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if waited >= LOCK_SECONDS:
                    raise StateError(f"{self.path}: another program is using this CA") from None
            self._sleep(_TRY_SECONDS)
            waited += _TRY_SECONDS

    def _place(self, name: str) -> str:
        return os.path.join(self.path, name)


def make_folder(
    path: str,
    name: str,
    days: float,
    limits: Limits,
    now: datetime,
    keys: KeyFiles | None = None,
) -> SwarmCaFolder:
    """A new authority in a new folder, which is whole or not there. Raises StateError and others.

    Nothing is ever written over.
    """
    if limits.names:
        swarm_ca.check_names(limits.names)
    ca, key = swarm_ca.new_ca(name, days, now, names=limits.names)
    book = Book(name, int(now.timestamp()), limits)
    files = {CERTIFICATE: _text(ca), BOOK: book_json(book)}
    put_folder(path, name, files, private_key_pem(key).encode(), keys)
    return SwarmCaFolder(path, keys)


def put_folder(
    path: str, name: str, files: Mapping[str, bytes], key_pem: bytes, keys: KeyFiles | None
) -> None:
    """Put an authority's files into a new folder, which is whole or not there. Raises StateError.

    Nothing is ever written over.
    """
    parent = os.path.dirname(path)
    beside = os.path.join(parent, f".{os.path.basename(path)}.{secrets.token_hex(4)}")
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        if os.path.lexists(path):
            raise StateError(f"there is a CA called {name!r} already")
        os.mkdir(beside, 0o700)
        held = hold_folder(beside)
        try:
            os.mkdir(os.path.join(beside, ISSUED), 0o700)
            write_together({os.path.join(beside, each): data for each, data in files.items()})
            (keys or KeyFiles()).write(os.path.join(beside, KEY), key_pem)
            sync_folder(os.path.join(beside, ISSUED))
            sync_folder(beside)
            # Renamed onto a folder that came meanwhile it fails, unless that is empty.
            os.rename(beside, path)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        finally:
            os.close(held)
        sync_folder(parent)
    except OSError as problem:
        raise StateError(f"{path}: {problem.strerror}") from None


def remove_unfinished(path: str) -> bool:
    """Remove the folder of an authority whose making was cut off; whether that could be.

    One that somebody is at work with stays, and one with anything else in it.
    """
    try:
        held = hold_folder(path, wait=False)
    except OSError:
        return False
    try:
        with contextlib.suppress(OSError):
            if all(_UNFINISHED.fullmatch(name) for name in os.listdir(path)):
                shutil.rmtree(path)
                return True
        return False
    finally:
        os.close(held)


def hold_folder(path: str, *, wait: bool = True) -> int:
    """Have it that nobody else takes the folder for left behind; until what is given is closed.

    Raises OSError.
    """
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        # A network's file system may know no such thing: then nothing is removed there.
        if not wait:
            os.close(folder)
            raise
    return folder


def key_id(key: PublicKey) -> str:
    """By what the book knows a public key."""
    return sha256(public_bytes(key)).hexdigest()


def _text(certificate: x509.Certificate) -> bytes:
    return certificate_pem(certificate).encode()


def issued_name(serial: int) -> str:
    """Where in its folder an authority has a certificate that it issued."""
    return os.path.join(ISSUED, f"{serial:x}.pem")
