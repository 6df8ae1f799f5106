"""Certificates and private keys of torrents whose peers are reached by TLS, as files.

STATE_DIR/tls has a folder for each such torrent, called by its info-hash: ``torrent.json`` has the
torrent's CA and name and our certificate. The key lies beside it (key_files.py), in a file that is
called by what the certificate is, so that the two change together: cut off at any moment, there is
the former pair or the next. Where there is no ``torrent.json`` nothing was ever given. They are for
their owner alone, and in backups only sealed. Everything here blocks.
"""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from typing import Any, NamedTuple

from p2pd.base.errors import P2pdError, StateError
from p2pd.state.files import read_at_most, remove_folder, sync_folder, write_whole
from p2pd.state.key_files import KEY_SUFFIX, TORRENT_FOLDER, KeyFiles

ABOUT = "torrent.json"
FORMER_KEY = f"private{KEY_SUFFIX}"
"""As the key of any certificate was called before."""
MAX_ABOUT = 512 * 1024
_NAME = re.compile(r"[0-9a-f]{40}\Z")


class KeptCertificate(NamedTuple):
    """PEM, all of it; `name` is the torrent's. `trouble` says why there is no key."""

    ca: str
    name: str
    certificate: str = ""
    private_key: str = ""
    trouble: str = ""

    def __repr__(self) -> str:
        """Without the key."""
        return f"KeptCertificate(name={self.name!r}, trouble={self.trouble!r})"


class TorrentKeys:
    """The folders of all torrents."""

    def __init__(self, state_folder: str, files: KeyFiles) -> None:
        self.folder = os.path.join(state_folder, TORRENT_FOLDER)
        self.files = files

    def load(self) -> dict[str, KeptCertificate]:
        """What is kept, by info-hash in hex; what is damaged has no certificate and a trouble.

        Raises StateError: it cannot be told which torrents are not for everybody.
        """
        try:
            found = sorted(entry for entry in os.listdir(self.folder) if _NAME.match(entry))
        except FileNotFoundError:
            return {}
        except OSError as problem:
            raise StateError(f"{self.folder}: {problem.strerror}") from None
        paths = {name: os.path.join(self.folder, name) for name in found}
        return {
            name: self._load_one(path)
            for name, path in paths.items()
            if os.path.lexists(os.path.join(path, ABOUT)) or not _can_be_read(path)
        }

    def save(self, info_hash: str, kept: KeptCertificate) -> None:
        """Keep this in the place of what was. Raises StateError, FormatError."""
        path = os.path.join(self.folder, info_hash)
        key = key_of(kept.certificate) if kept.private_key else ""
        about = {"ca": kept.ca, "certificate": kept.certificate, "name": kept.name}
        try:
            for each in (self.folder, path):
                os.makedirs(each, mode=0o700, exist_ok=True)
            if key:
                self.files.write(os.path.join(path, key), kept.private_key.encode())
            write_whole(os.path.join(path, ABOUT), json.dumps(about).encode())
            sync_folder(path)
            sync_folder(self.folder)
            for each in os.listdir(path):
                if each.endswith(KEY_SUFFIX) and each != key:
                    os.unlink(os.path.join(path, each))
        except OSError as problem:
            raise StateError(f"{path}: {problem.strerror}") from None

    def forget(self, info_hash: str) -> None:
        """The torrent is gone. Raises StateError."""
        remove_folder(os.path.join(self.folder, info_hash))

    def _load_one(self, path: str) -> KeptCertificate:
        try:
            kept = _about(os.path.join(path, ABOUT))
        except (OSError, ValueError, RecursionError):
            return KeptCertificate("", "", trouble=f"{path}/{ABOUT} cannot be read")
        if not kept.certificate:
            return kept
        place = os.path.join(path, key_of(kept.certificate))
        if not os.path.lexists(place) and os.path.lexists(os.path.join(path, FORMER_KEY)):
            place = os.path.join(path, FORMER_KEY)
        try:
            key = self.files.read(place).decode()
        except P2pdError as problem:
            return kept._replace(trouble=str(problem))
        return kept._replace(private_key=key)


def key_of(certificate: str) -> str:
    """What the file with the key of a certificate (PEM) is called."""
    return f"{sha256(certificate.encode()).hexdigest()[:32]}{KEY_SUFFIX}"


def _can_be_read(path: str) -> bool:
    return os.access(path, os.R_OK | os.X_OK)


def _about(path: str) -> KeptCertificate:
    """Raises OSError, ValueError, RecursionError."""
    value: Any = json.loads(read_at_most(path, MAX_ABOUT))
    match value:
        case {"ca": str(ca), "certificate": str(certificate), "name": str(name)}:
            return KeptCertificate(ca, name, certificate)
    raise ValueError(path)
