"""This node's own key, in the state folder: made at the first start, sealed like all private keys.

``node.key`` is the private key in PEM. ``node.was``, if it is there, is the key that the node had
before and what that one signed for the one of now (node_proofs.py): nothing in it is secret, and
what does not fit the key of now is not used. Everything here blocks.
"""

from __future__ import annotations

import os
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from p2pd.base.errors import FormatError, StateError
from p2pd.formats import bencode
from p2pd.protocols.peerwire.extensions.p2pd_node import KEY_SIZE, SIGNATURE_SIZE, Succession
from p2pd.protocols.peerwire.node_proofs import NodeKey, vouches
from p2pd.state.files import sync_folder, write_whole
from p2pd.state.key_files import KEY_SUFFIX, KeyFiles

KEY_NAME = f"node{KEY_SUFFIX}"
BEFORE_NAME = "node.was"
MAX_BEFORE = 1024


class NodeKeyFile:
    """The two files."""

    def __init__(self, state_dir: str, files: KeyFiles) -> None:
        self._files = files
        self._key = os.path.join(state_dir, KEY_NAME)
        self._before = os.path.join(state_dir, BEFORE_NAME)

    def load(self) -> NodeKey:
        """The key, which is made if there is none. Raises P2pdError naming the file."""
        if not os.path.lexists(self._key):
            key = NodeKey(secrets.token_bytes(KEY_SIZE))
            self._files.write(self._key, _pem(key))
            return key
        try:
            private = load_pem_private_key(self._files.read(self._key), None)
        except ValueError:
            raise StateError(f"{self._key}: this is no private key") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise StateError(f"{self._key}: the key of a node is one of Ed25519")
        key = NodeKey(private.private_bytes_raw())
        key.succession = self._succession(key)
        return key

    def rotate(self, key: NodeKey, *, succession: bool) -> NodeKey:
        """Another key in the place of this one, which vouches for it if so wished.

        The word of the old key is on the disk first: cut off there, the old key stays, which it
        does not fit. Raises StateError.
        """
        secret = secrets.token_bytes(KEY_SIZE)
        new = key.succeeded_by(secret) if succession else NodeKey(secret)
        self._write_before(new.succession)
        self._files.write(self._key, _pem(new))
        return new

    def _write_before(self, succession: Succession | None) -> None:
        try:
            if succession is not None:
                told = {b"key": succession.old_key, b"sig": succession.signature}
                write_whole(self._before, bencode.encode(told))
            elif os.path.lexists(self._before):
                os.unlink(self._before)
            sync_folder(os.path.dirname(self._before))
        except OSError as problem:
            raise StateError(f"{self._before}: {problem.strerror}") from None

    def _succession(self, key: NodeKey) -> Succession | None:
        """What the file says, if it is of this key."""
        try:
            with open(self._before, "rb") as file:
                told = bencode.decode(file.read(MAX_BEFORE))
        except (OSError, FormatError):
            return None
        old_key, signature = (
            (told.get(b"key"), told.get(b"sig")) if isinstance(told, dict) else (None, None)
        )
        if not isinstance(old_key, bytes) or not isinstance(signature, bytes):
            return None
        if (len(old_key), len(signature)) != (KEY_SIZE, SIGNATURE_SIZE):
            return None
        succession = Succession(old_key, signature)
        return succession if vouches(succession, key.public) else None


def _pem(key: NodeKey) -> bytes:
    private = Ed25519PrivateKey.from_private_bytes(key.secret)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
