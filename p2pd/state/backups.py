"""Backups of the whole state as files: a tar of the database, copied while in use, and a note.

They lie in STATE_DIR/backups on their way to and from clients, for the owner alone: announce URLs
are secrets. The control token is no part of them. Private keys are, sealed with a passphrase, or
not at all (key_backup.py). What is read here may come from anybody: only three
names are looked for, links and paths mean nothing, and every length has a bound. All of it blocks.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sqlite3
import tarfile
import time
from contextlib import closing, suppress
from typing import IO, Iterator, NamedTuple
from urllib.parse import quote

from p2pd.base.errors import FormatError, StateError
from p2pd.formats.x509.keys_at_rest import KeySeal, SealedKeyError
from p2pd.state.files import sync_file, sync_folder
from p2pd.state.key_backup import SavedKeys, collect, has_keys, read_keys, write_keys
from p2pd.state.key_files import KeyFiles
from p2pd.state.rebuilding import JOURNALS, forget
from p2pd.state.salvage import Salvage
from p2pd.state.upgrades import check_version

FOLDER = "backups"
NOTE, DATABASE, KEYS = "p2pd-backup.json", "state.db", "keys.sealed"
WAYS_TO_OPEN = (
    "say with which passphrase (--passphrase-file, or keys.passphrase_file), or go without them "
    "(--without-keys)"
)
NO_PASSPHRASE = (
    "it has no private keys, CAs or certificates, since there is no passphrase to seal them with "
    "(keys.passphrase_file, or p2pctl backup --passphrase-file)"
)
VERSION = 1
MOST_KEPT = 3
"""Backups on their way; the oldest goes when another one is made or sent."""

MAX_NOTE = 64 * 1024
MAX_BACKUP = 16 * 1024**3
PART = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.tar\Z")
_PIECE = 1024 * 1024
_REFUSALS = (OSError, sqlite3.Error, tarfile.TarError, ValueError, RecursionError)


class Backup(NamedTuple):
    """One that was made. `keys` counts the private keys in it.

    `without_keys` says why there are none, though some are here; `problems` what else is not in it.
    """

    name: str
    size: int
    sha256: str
    """Of the file, in hex."""
    torrents: int
    keys: int = 0
    without_keys: str = ""
    problems: tuple[str, ...] = ()


class BackupFolder:
    """Makes backups of a database, and opens them; see there for what may be raised."""

    def __init__(self, state_dir: str, keys: KeyFiles | None = None) -> None:
        self.state_dir = state_dir
        self.keys = keys or KeyFiles()
        self.folder = os.path.join(state_dir, FOLDER)
        self._database = os.path.join(state_dir, DATABASE)

    def make(self, wall_time: float, passphrase: str = "") -> Backup:
        """A backup of the state as it is now. Raises StateError.

        Private keys are in it if there is something to seal them with: a passphrase for this
        backup, or else that of the private keys here.
        """
        seal = KeySeal(passphrase.encode()) if passphrase else self.keys.seal
        name = time.strftime("p2pd-%Y%m%d-%H%M%S.tar", time.gmtime(wall_time))
        copy, path = self._path("making.db"), self._path(name)
        with self._in_words("a backup cannot be made"):
            self._make_room()
            forget(copy)
            sealed, saved = self._path("making.keys"), SavedKeys()
            try:
                torrents = self._copy_database(copy)
                if seal is not None:
                    saved = self._seal_keys(sealed, seal)
                _write_tar(f"{path}.new", copy, wall_time, torrents, sealed if seal else "")
                os.replace(f"{path}.new", path)
                sync_folder(self.folder)
            finally:
                forget(copy)
                for each in (f"{path}.new", sealed):
                    with suppress(FileNotFoundError):
                        os.unlink(each)
            lacking = NO_PASSPHRASE if seal is None and has_keys(self.state_dir) else ""
            size, problems = os.path.getsize(path), tuple(saved.problems)
            return Backup(name, size, _digest(path), torrents, saved.count, lacking, problems)

    def saved_keys(self, name: str, passphrase: str = "") -> SavedKeys:
        """The CAs, certificates and private keys in a backup, if there are any.

        Raises StateError, and SealedKeyError: they are sealed with another passphrase.
        """
        seals = [KeySeal(passphrase.encode())] if passphrase else []
        seals += [each for each in (self.keys.seal, *self.keys.former) if each is not None]
        copy = self._path("restoring.keys")
        with self._in_words("the keys in the backup cannot be read"):
            try:
                if not _unpack_keys(self._named(name), copy):
                    return SavedKeys()
                if not seals:
                    raise SealedKeyError(f"the keys in the backup are sealed: {WAYS_TO_OPEN}")
                with open(copy, "rb") as file:
                    return read_keys(file, seals)
            except SealedKeyError as problem:
                raise SealedKeyError(f"the keys in the backup: {problem}") from None
            except FormatError as problem:
                raise StateError(f"the keys in the backup: {problem}") from None
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(copy)

    def read(self, name: str, offset: int) -> bytes:
        """A part of a backup, from there on. Raises StateError."""
        with self._in_words("the backup cannot be read"), open(self._named(name), "rb") as file:
            file.seek(offset)
            return file.read(PART)

    def write(self, name: str, offset: int, data: bytes) -> int:
        """Take in a part of a backup, in order; how long it is now. Raises StateError."""
        path = self._named(name)
        with self._in_words("the backup cannot be taken in"):
            if not offset:
                self._make_room()
                with suppress(FileNotFoundError):
                    os.unlink(path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(path, flags, 0o600), "wb") as file:
                size = file.seek(0, os.SEEK_END)
                if size != offset or size + len(data) > MAX_BACKUP:
                    raise StateError(f"{name} has {size} bytes, so none can come at {offset}")
                file.write(data)
        return size + len(data)

    def forget(self, name: str) -> None:
        """Remove one. Raises StateError."""
        with self._in_words("the backup cannot be removed"), suppress(FileNotFoundError):
            os.unlink(self._named(name))

    def open(self, name: str) -> Salvage:
        """The state in a backup, to be closed with `close_restored`. Raises StateError."""
        copy = self._path("restoring.db")
        forget(copy)
        try:
            with self._in_words("the backup cannot be read"):
                _unpack(self._named(name), copy)
                _check(copy)
            return Salvage(copy)
        except BaseException:
            forget(copy)
            raise

    def close_restored(self, restored: Salvage) -> None:
        """Done with what `open` gave."""
        restored.close()
        forget(self._path("restoring.db"))

    def _seal_keys(self, path: str, seal: KeySeal) -> SavedKeys:
        saved = collect(self.state_dir, self.keys)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(path, flags, 0o600), "wb") as file:
            write_keys(file, saved, seal)
        return saved

    def _copy_database(self, copy: str) -> int:
        """SQLite's own copy of a database in use; one that is damaged is no backup."""
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        source_uri = f"file:{quote(self._database)}?mode=ro"
        with (
            closing(sqlite3.connect(source_uri, uri=True)) as source,
            closing(sqlite3.connect(copy, isolation_level=None)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        return _check(copy)

    def _make_room(self) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with os.scandir(self.folder) as entries:
            there = [(one.stat().st_mtime, one.path) for one in entries if _NAME.match(one.name)]
        for _, path in sorted(there)[: max(0, len(there) - MOST_KEPT + 1)]:
            os.unlink(path)

    def _named(self, name: str) -> str:
        if not _NAME.match(name):
            raise StateError(f"not the name of a backup: {name[:100]!r}")
        return self._path(name)

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _in_words(self, what: str) -> _InWords:
        return _InWords(what)


class _InWords:
    """Turns what the disk, SQLite or tar say into a StateError."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None: ...
    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, _REFUSALS):
            words = getattr(problem, "strerror", None) or str(problem)
            raise StateError(f"{self._what}: {words}") from None


def _write_tar(path: str, database: str, wall_time: float, torrents: int, keys: str) -> None:
    note = {
        "p2pd_backup": VERSION, "made_at": int(wall_time), "torrents": torrents,
        "sha256": _digest(database),
    }  # fmt: skip
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        open(os.open(path, flags, 0o600), "wb") as file,
        tarfile.open(fileobj=file, mode="w") as archive,
    ):
        text = json.dumps(note, indent=1).encode()
        _add(archive, NOTE, io.BytesIO(text), len(text), int(wall_time))
        for name, source in ((DATABASE, database), (KEYS, keys)):
            if source:
                with open(source, "rb") as content:
                    _add(archive, name, content, os.path.getsize(source), int(wall_time))
    sync_file(path)


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int, at: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, at
    archive.addfile(member, content)


def _unpack(path: str, copy: str) -> None:
    """The database in a backup, to `copy`. Raises ValueError and the like."""
    note, digest = None, None
    with tarfile.open(path, mode="r:") as archive:
        for member in _members(archive):
            content = archive.extractfile(member)
            if content is None:
                continue
            if member.name == NOTE and member.size <= MAX_NOTE:
                note = json.loads(content.read(MAX_NOTE))
            elif member.name == DATABASE and digest is None:
                digest = _take(content, copy)
    if not isinstance(note, dict) or note.get("p2pd_backup") != VERSION or digest is None:
        raise ValueError("it is no backup of p2pd, or one of a version that is not known")
    if note.get("sha256") != digest:
        raise ValueError("it is not as it was made")


def _unpack_keys(path: str, copy: str) -> bool:
    """What is sealed in a backup, to `copy`; whether there is something."""
    with suppress(FileNotFoundError):
        os.unlink(copy)
    with tarfile.open(path, mode="r:") as archive:
        for member in _members(archive):
            content = archive.extractfile(member)
            if content is not None and member.name == KEYS:
                _take(content, copy)
                return True
    return False


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for _ in range(8):
        member = archive.next()
        if member is None:
            return
        if member.isreg() and not member.issparse() and member.size <= MAX_BACKUP:
            yield member


def _take(content: IO[bytes], copy: str) -> str:
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(copy, flags, 0o600), "wb") as file:
        while data := content.read(_PIECE):
            digest.update(data)
            file.write(data)
    return digest.hexdigest()


def _check(path: str) -> int:
    """Whether all of a database can be read; how many torrents are in it. Raises StateError."""
    if any(os.path.lexists(path + journal) for journal in JOURNALS):
        raise ValueError("it has a journal")
    with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as connection:
        connection.execute("PRAGMA trusted_schema=OFF")
        check_version(connection)
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        kind = connection.execute("SELECT type FROM sqlite_master WHERE name = 'torrents'")
        if found != "ok" or kind.fetchone() != ("table",):
            raise ValueError("the database in it is damaged")
        count: int = connection.execute("SELECT count(*) FROM torrents").fetchone()[0]
    salvage = Salvage(path)
    try:
        if sum(1 for _ in salvage.torrents()) != count:
            raise ValueError("records of torrents in it are damaged")
    finally:
        salvage.close()
    return count


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
