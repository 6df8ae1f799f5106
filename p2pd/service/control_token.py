"""The control API's token: made once, kept in the state folder, readable by its owner alone.

One that the service manager gives (systemd's LoadCredential=) is taken instead.
"""

from __future__ import annotations

import os
import secrets
from typing import Mapping

from p2pd.base.errors import StateError
from p2pd.state.files import sync_folder, write_whole

TOKEN_NAME = "control-token"
CREDENTIAL_NAME = "p2pd.control-token"
TOKEN_BYTES = 32
MAX_FILE = 4096


def token_path(state_folder: str) -> str:
    """Where the token lies."""
    return os.path.join(state_folder, TOKEN_NAME)


def given_token_path(environment: Mapping[str, str] = os.environ) -> str | None:
    """Where the token lies that the service manager gives; None: it gives none."""
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    path = os.path.join(folder, CREDENTIAL_NAME)
    return path if os.path.isabs(folder) and os.path.lexists(path) else None


def read_given_token(path: str) -> str:
    """The token that the service manager gives. Raises StateError."""
    try:
        return _read(path, closed_by_us=False)
    except OSError as problem:
        raise StateError(f"{path}: {problem.strerror}") from None


def load_token(state_folder: str) -> str:
    """The token of this state folder; made at the first start. Raises StateError.

    The caller holds the folder's lock: two daemons that both make one would each know another.
    """
    path = token_path(state_folder)
    try:
        return _read(path) if os.path.lexists(path) else _made(path)
    except OSError as problem:
        raise StateError(f"{path}: {problem.strerror}") from None


def _made(path: str) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write_whole(path, f"{token}\n".encode())
    sync_folder(os.path.dirname(path))
    return token


def _read(path: str, *, closed_by_us: bool = True) -> str:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with open(file, "rb") as opened:
        if closed_by_us and os.fstat(file).st_mode & 0o077:
            os.fchmod(file, 0o600)
        data = opened.read(MAX_FILE + 1)
    token = data.decode("ascii", "replace").strip()
    if not token or not token.isascii() or not token.isprintable() or len(data) > MAX_FILE:
        rest = "; remove it, and the next start makes one" if closed_by_us else ""
        raise StateError(f"{path}: holds no token{rest}")
    return token
