"""Lists of revoked certificates, a file for each CA, which are not needed, and of which ends of
certificates was told.

STATE_DIR/revocations has ``<id>.pem`` with a CA's certificate and its list, which OpenSSL reads,
too; the id is that of the CA (formats/x509/revocation.py). They are no secrets, but whoever could
write them could not have anybody let in: lists are verified when they are read. Everything here
blocks.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Mapping, Sequence

from p2pd.base.errors import StateError
from p2pd.formats.x509.pem import MAX_PEM
from p2pd.formats.x509.revocation import MAX_LIST_TEXT
from p2pd.state.files import sync_folder, write_whole

FOLDER = "revocations"
TOLD = "told.json"
UNNEEDED = "unneeded.json"
MOST_LISTS = 10_000
MAX_FILE = MAX_LIST_TEXT + MAX_PEM
_LIST = re.compile(r"[0-9a-f]{64}\.pem\Z")
_ID = re.compile(r"[0-9a-f]{64}\Z")


class RevocationFiles:
    """The files of one state folder."""

    def __init__(self, state_folder: str) -> None:
        self.folder = os.path.join(state_folder, FOLDER)

    def load(self) -> Sequence[bytes]:
        """Each file's content; what cannot be read is left out."""
        try:
            names = sorted(name for name in os.listdir(self.folder) if _LIST.match(name))
        except OSError:
            return []
        found = (self._read(name) for name in names[:MOST_LISTS])
        return [content for content in found if content]

    def save(self, ca_id: bytes, content: str) -> None:
        """Keep this of a CA, in the place of what was. Raises StateError."""
        self._write(f"{ca_id.hex()}.pem", content.encode())

    def forget(self, ca_id: bytes) -> None:
        """Of this CA nothing is kept any more. Raises StateError."""
        path = os.path.join(self.folder, f"{ca_id.hex()}.pem")
        try:
            os.unlink(path)
            sync_folder(self.folder)
        except FileNotFoundError:
            return
        except OSError as problem:
            raise StateError(f"{path}: {problem.strerror}") from None

    def unneeded(self) -> dict[bytes, int]:
        """Lists that nothing needs: since when (Unix seconds), by the id of the CA."""
        return {
            bytes.fromhex(key): since
            for key, since in self._object(UNNEEDED).items()
            if _ID.match(key) and type(since) is int
        }

    def save_unneeded(self, since: Mapping[bytes, int]) -> None:
        """Keep these. Raises StateError."""
        shown = {ca_id.hex(): moment for ca_id, moment in since.items()}
        self._write(UNNEEDED, json.dumps(shown).encode())

    def told(self) -> dict[str, tuple[int, int]]:
        """Of which ends was told: when that end is, and the stage of the last warning."""
        return {
            key: (pair[0], pair[1])
            for key, pair in self._object(TOLD).items()
            if type(pair) is list and len(pair) == 2 and all(type(one) is int for one in pair)
        }

    def save_told(self, told: Mapping[str, tuple[int, int]]) -> None:
        """Keep these. Raises StateError."""
        self._write(TOLD, json.dumps(dict(told)).encode())

    def _object(self, name: str) -> dict[str, Any]:
        """What a file of JSON has; empty if that is none."""
        try:
            value: Any = json.loads(self._read(name) or b"{}")
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def _read(self, name: str) -> bytes:
        try:
            path = os.path.join(self.folder, name)
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(file, "rb") as readable:
                content = readable.read(MAX_FILE + 1)
        except OSError:
            return b""
        return content if len(content) <= MAX_FILE else b""

    def _write(self, name: str, content: bytes) -> None:
        path = os.path.join(self.folder, name)
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            write_whole(path, content)
            sync_folder(self.folder)
        except OSError as problem:
            raise StateError(f"{path}: {problem.strerror}") from None
