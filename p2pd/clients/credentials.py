"""Where the control token is found: it lies in the daemon's state folder, for its owner to read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from p2pd.base.errors import P2pdError

TOKEN_FILE = "control-token"
SYSTEM_STATE_DIR = "/var/lib/p2pd"
MAX_TOKEN = 4096


def token_in(state_dir: str) -> str:
    """The token in a state folder. Raises P2pdError with a sentence."""
    path = Path(state_dir) / TOKEN_FILE
    try:
        with path.open("rb") as file:
            token = file.read(MAX_TOKEN).decode("ascii").strip()
    except OSError as error:
        raise P2pdError(f"no token in {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise P2pdError(f"{path} holds no token") from None
    if not token.isprintable() or not token:
        raise P2pdError(f"{path} holds no token")
    return token


def find_token(environ: Mapping[str, str], *, is_root: bool) -> str | None:
    """The token in the first default state folder that has one we may read, or None."""
    for folder in default_state_dirs(environ, is_root=is_root):
        try:
            return token_in(folder)
        except P2pdError:
            continue
    return None


def default_state_dirs(environ: Mapping[str, str], *, is_root: bool) -> list[str]:
    """The state folders a daemon uses that was not told one: the user's, and the system's."""
    base = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(environ.get("HOME", "/"), ".local", "state")
    folders = [os.path.join(base, "p2pd"), SYSTEM_STATE_DIR]
    # Root's daemon is most likely the system's service.
    return folders[::-1] if is_root else folders
