"""All authorities of one place: a folder each, called as it is. It blocks: it is for threads."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime

from p2pd.base.errors import StateError
from p2pd.formats.x509.swarm_ca import SwarmCaError
from p2pd.state.key_files import KeyFiles
from p2pd.state.swarm_ca.book import Limits
from p2pd.state.swarm_ca.folder import BOOK, SwarmCaFolder, make_folder, remove_unfinished

MOST_AUTHORITIES = 200

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\Z")
_UNFINISHED = re.compile(r"\.[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\.[0-9a-f]{8}\Z")


class SwarmCaStore:
    """The authorities below a folder, which need not be there yet."""

    def __init__(self, root: str, keys: KeyFiles | None = None) -> None:
        self.root = root
        self._keys = keys

    def names(self) -> list[str]:
        """What those are called that are there. Raises StateError."""
        try:
            found = os.listdir(self.root)
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise StateError(f"{self.root}: {problem.strerror}") from None
        return sorted(name for name in found if _NAME.match(name) and self._is_there(name))

    def authority(self, name: str) -> SwarmCaFolder:
        """One of them. Raises SwarmCaError when there is none of that name."""
        if not (_NAME.match(name) and self._is_there(name)):
            raise SwarmCaError(f"there is no CA called {name[:100]!r} here")
        return self._folder(name)

    def authorities(self) -> list[SwarmCaFolder]:
        """All of them."""
        return [self._folder(name) for name in self.names()]

    def create(self, name: str, days: float, limits: Limits, now: datetime) -> SwarmCaFolder:
        """A new one. Raises SwarmCaError and StateError."""
        if not _NAME.match(name):
            raise SwarmCaError(
                "a CA's name has 1 to 64 letters of A-Z, a-z, 0-9, dot, dash and underscore, "
                "and begins with none of dot and dash"
            )
        if len(self.names()) >= MOST_AUTHORITIES:
            raise SwarmCaError(f"there are {MOST_AUTHORITIES} CAs already")
        return make_folder(os.path.join(self.root, name), name, days, limits, now, self._keys)

    def remove_leftovers(self) -> list[str]:
        """Remove what a kill left of what was being made and written; the paths of what goes.

        What another program is at work with stays as it is. Raises StateError.
        """
        try:
            found = sorted(name for name in os.listdir(self.root) if _UNFINISHED.match(name))
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise StateError(f"{self.root}: {problem.strerror}") from None
        paths = [os.path.join(self.root, name) for name in found]
        removed = [path for path in paths if remove_unfinished(path)]
        for folder in self.authorities():
            with suppress(StateError):
                removed += folder.remove_leftovers()
        return removed

    def _is_there(self, name: str) -> bool:
        return os.path.isfile(os.path.join(self.root, name, BOOK))

    def _folder(self, name: str) -> SwarmCaFolder:
        return SwarmCaFolder(os.path.join(self.root, name), self._keys)
