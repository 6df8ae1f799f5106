"""Certificates that this node was given for itself, and by whom: a folder each.

`about.json` has the certificate, its CA's, and where to ask when it runs out; the key lies beside
it, in a file that is called by the certificate's serial (key_files.py), so that the two change
together. It blocks: it is for threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography import x509

from p2pd.base.errors import FormatError, StateError
from p2pd.formats.x509.pem import belongs, read_certificate, read_private_key
from p2pd.formats.x509.swarm_ca import read_ca
from p2pd.state.files import read_at_most, remove_folder, sync_folder, write_whole
from p2pd.state.key_files import ENROLLED_FOLDER, KEY_SUFFIX, KeyFiles

ABOUT = "about.json"
MAX_ABOUT = 256 * 1024
MOST_ENROLLED = 1000

_ID = re.compile(r"[0-9a-f]{16}\Z")


@dataclass(frozen=True)
class Enrolled:
    """One of them. Without `addresses` its CA is here.

    No torrent has it since `idle_since` (Unix seconds); 0: one has, as far as is known.
    """

    id: str
    certificate_pem: str
    ca_pem: str
    addresses: tuple[str, ...] = ()
    idle_since: int = 0

    @cached_property
    def certificate(self) -> x509.Certificate:
        """Of this node."""
        return read_certificate(self.certificate_pem)

    @cached_property
    def ca(self) -> x509.Certificate:
        """Of who issued it."""
        return read_ca(self.ca_pem)


class EnrolledStore:
    """All of them, below the state folder."""

    def __init__(self, state_folder: str, keys: KeyFiles | None = None) -> None:
        self.root = os.path.join(state_folder, ENROLLED_FOLDER)
        self._keys = keys or KeyFiles()

    def load(self) -> tuple[list[Enrolled], list[str]]:
        """Those that can be read, and in words what is wrong with the others."""
        try:
            found = sorted(name for name in os.listdir(self.root) if _ID.match(name))
        except OSError:
            return [], []
        good: list[Enrolled] = []
        bad: list[str] = []
        for name in found[:MOST_ENROLLED]:
            try:
                good.append(self._load(name))
            except (OSError, FormatError, ValueError, RecursionError):
                bad.append(f"{os.path.join(self.root, name, ABOUT)} cannot be read")
        return good, bad

    def save(self, enrolled: Enrolled, key_pem: str) -> None:
        """Keep it in the place of what had its id. Raises StateError, FormatError."""
        folder = os.path.join(self.root, enrolled.id)
        key = self._key_path(enrolled)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.chmod(self.root, 0o700)
            self._keys.write(key, key_pem.encode())
            write_whole(os.path.join(folder, ABOUT), _about(enrolled))
            sync_folder(folder)
            sync_folder(self.root)
        except OSError as problem:
            raise StateError(f"{folder}: {problem.strerror}") from None
        for name in _former_keys(folder, os.path.basename(key)):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))

    def note(self, enrolled: Enrolled) -> None:
        """Keep what is known of one otherwise; its certificate and key stay. Raises StateError."""
        path = os.path.join(self.root, enrolled.id, ABOUT)
        try:
            write_whole(path, _about(enrolled))
            sync_folder(os.path.dirname(path))
        except OSError as problem:
            raise StateError(f"{path}: {problem.strerror}") from None

    def key(self, enrolled: Enrolled) -> str:
        """Its private key, in PEM. Raises SealedKeyError, FormatError, StateError."""
        path = self._key_path(enrolled)
        found = self._keys.read(path).decode()
        if not belongs(enrolled.certificate, read_private_key(found, path)):
            raise StateError(f"{path} is not the key of the certificate beside it")
        return found

    def forget(self, id_: str) -> None:
        """It is over. Raises StateError."""
        remove_folder(os.path.join(self.root, id_))

    def _load(self, name: str) -> Enrolled:
        path = os.path.join(self.root, name, ABOUT)
        value: Any = json.loads(read_at_most(path, MAX_ABOUT))
        match value:
            case {
                "addresses": list(addresses),
                "ca": str(ca),
                "certificate": str(certificate),
            } if all(isinstance(each, str) for each in addresses):
                idle = value.get("idle_since", 0)
                since = idle if type(idle) is int and idle > 0 else 0
                found = Enrolled(name, certificate, ca, tuple(addresses), since)
                _ = found.certificate, found.ca
                return found
        raise ValueError(path)

    def _key_path(self, enrolled: Enrolled) -> str:
        serial = enrolled.certificate.serial_number
        return os.path.join(self.root, enrolled.id, f"{serial:x}{KEY_SUFFIX}")


def _about(enrolled: Enrolled) -> bytes:
    about = {
        "addresses": list(enrolled.addresses),
        "ca": enrolled.ca_pem,
        "certificate": enrolled.certificate_pem,
        "idle_since": enrolled.idle_since,
    }
    return json.dumps(about, indent=1).encode()


def _former_keys(folder: str, present: str) -> Sequence[str]:
    return [x for x in os.listdir(folder) if x.endswith(KEY_SUFFIX) and x != present]
