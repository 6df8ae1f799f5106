"""Keys that `p2pctl login` keeps: by the address of the API, in a file for its owner alone."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from p2pd.base.errors import P2pdError

MAX_FILE = 1024 * 1024


def key_file(environ: Mapping[str, str]) -> Path:
    """Where it lies (XDG base directories)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(environ.get("HOME", "/"), ".config")
    return Path(base) / "p2pd" / "keys.json"


def kept_key(environ: Mapping[str, str], url: str) -> str | None:
    """The key for an address, if there is one that can be read."""
    with contextlib.suppress(P2pdError):
        return _read(key_file(environ)).get(_place(url))
    return None


def keep_key(environ: Mapping[str, str], url: str, key: str) -> Path:
    """Keep a key; where. Raises P2pdError."""
    path = key_file(environ)
    _write(path, {**_read(path), _place(url): key})
    return path


def forget_key(environ: Mapping[str, str], url: str) -> bool:
    """Forget a key; whether there was one. Raises P2pdError."""
    path = key_file(environ)
    keys = _read(path)
    if keys.pop(_place(url), None) is None:
        return False
    _write(path, keys)
    return True


def _place(url: str) -> str:
    return url.rstrip("/").removesuffix("/rpc")


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_FILE))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as problem:
        words = getattr(problem, "strerror", None) or "it holds no keys"
        raise P2pdError(f"{path}: {words}") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found.values()):
        raise P2pdError(f"{path}: it holds no keys")
    return found


def _write(path: Path, keys: Mapping[str, str]) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(file, "w", encoding="utf-8") as opened:
            json.dump(dict(keys), opened, indent=1)
        os.replace(beside, path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise P2pdError(f"{path}: {problem.strerror}") from None
