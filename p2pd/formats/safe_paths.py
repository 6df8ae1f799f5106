"""Names from torrents made safe to use on a disk (BEP 3, BEP 52 "must be prepared to sanitize").

A path that comes out of here has no part that could leave its folder, hide what it is, or be
refused by a file system; two files never come out with one path, also where a file system ignores
case. Nothing is known here of folders that exist: keeping links out is the storage's part.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

MAX_COMPONENT_BYTES = 255
MAX_PATH_DEPTH = 100
_SUFFIX_ROOM = 12

# The common case, decided by one match: plain characters, no dot or space at either end.
_PLAIN = re.compile(r"[A-Za-z0-9_\-()\[\]][A-Za-z0-9_\-()\[\] .,+&'!@#%=~]*(?<![. ])")
# Control characters, separators of any system, and the marks that turn the reading direction.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f/\\\\\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\..*)?", re.I
)

Path = tuple[str, ...]


def safe_component(name: str | bytes) -> str:
    """One safe path component for a name from a torrent; the same name gives the same result.

    Bad UTF-8 and unsafe characters become ``_`` or U+FFFD; an empty name, ``.`` and ``..`` and
    trailing dots or spaces are changed; Windows device names get a ``_``; more than 255 bytes
    are shortened, keeping the extension.
    """
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    if len(text) <= 200 and _PLAIN.fullmatch(text) and not _RESERVED.fullmatch(text):
        return text
    text = _UNSAFE.sub("_", text)
    stripped = text.rstrip(". ")
    text = stripped + "_" * (len(text) - len(stripped))
    if _RESERVED.fullmatch(text):
        text = "_" + text
    return _shortened(text or "_", MAX_COMPONENT_BYTES)


def safe_paths(paths: Iterable[Sequence[str | bytes]], *, folder: str = "") -> list[Path]:
    """Safe, distinct paths for all files of a torrent, in their order.

    Where two files would meet, also by case or Unicode form, or a file would be another's folder,
    the later one (or the file, not the folder) gets a number before its extension. `folder` is
    only a name they all lie under.
    """
    known: dict[str | bytes, str] = {}
    safe = []
    for path in paths:
        parts = []
        for part in path:
            component = known.get(part)
            if component is None:
                component = known[part] = safe_component(part)
            parts.append(component)
        safe.append(tuple(parts))
    return _Distinct(safe).paths


class _Distinct:
    """Gives each path a key that no other has, numbering where needed, in linear time."""

    def __init__(self, paths: list[Path]) -> None:
        self._folders: dict[Path, str] = {(): ""}
        self._keys: dict[str, str] = {}
        self._taken: set[str] = set()
        self._numbers: dict[tuple[str, str], int] = {}
        parents = [self._folder_key(path[:-1]) for path in paths]
        self._folder_keys = set(self._folders.values())
        self.paths = [self._place(path, key) for path, key in zip(paths, parents, strict=True)]

    def _folder_key(self, folder: Path) -> str:
        key = self._folders.get(folder)
        if key is None:
            key = f"{self._folder_key(folder[:-1])}/{self._name_key(folder[-1])}"
            self._folders[folder] = key
        return key

    def _name_key(self, name: str) -> str:
        if name.isascii():
            return name.lower()
        key = self._keys.get(name)
        if key is None:
            key = self._keys[name] = _key(name)
        return key

    def _place(self, path: Path, parent: str) -> Path:
        key = f"{parent}/{self._name_key(path[-1])}"
        if key in self._taken or key in self._folder_keys:
            path, key = self._numbered(path, parent)
        self._taken.add(key)
        return path

    def _numbered(self, path: Path, parent: str) -> tuple[Path, str]:
        stem, extension = split_extension(path[-1])
        stem = _cut(stem, MAX_COMPONENT_BYTES - _SUFFIX_ROOM - len(extension.encode()))
        # One counter for all names that shorten to this stem: n collisions cost n steps, not n².
        series = (parent, self._name_key(stem + extension))
        number = self._numbers.get(series, 1)
        while True:
            number += 1
            name = f"{stem} ({number}){extension}"
            key = f"{parent}/{self._name_key(name)}"
            if key not in self._taken and key not in self._folder_keys:
                self._numbers[series] = number
                return (*path[:-1], name), key


def path_key(path: Path) -> Path:
    """The same for two paths that meet where a file system ignores case or Unicode forms."""
    return tuple(map(_key, path))


def _key(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def split_extension(name: str) -> tuple[str, str]:
    """A name's stem and its extension with the dot, empty when there is no short one."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or not 0 < len(extension.encode("utf-8", "replace")) <= 16:
        return name, ""
    return stem, dot + extension


def _shortened(name: str, limit: int) -> str:
    if len(name.encode()) <= limit:
        return name
    stem, extension = split_extension(name)
    return _cut(stem, limit - len(extension.encode())) + extension


def _cut(text: str, limit: int) -> str:
    """As much of `text` as fits into `limit` bytes of UTF-8, in whole characters."""
    raw = text.encode()
    return text if len(raw) <= limit else raw[:limit].decode("utf-8", "ignore").rstrip(". ") or "_"
