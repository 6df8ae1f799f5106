"""The files of an info dictionary as it spells them: v1 ``files`` (BEP 3, BEP 47), v2 ``file tree``
(BEP 52), and the check that a hybrid's two views are the same files.

Names stay the raw bytes here; making them safe is done in safe_paths.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from p2pd.base.errors import FormatError
from p2pd.formats.safe_paths import MAX_PATH_DEPTH

MAX_FILES = 1_000_000
MAX_LENGTH = 1 << 48
ROOT_SIZE = 32


class MetainfoError(FormatError):
    """A torrent that cannot be used: the text says which rule it breaks."""


class RawFile(NamedTuple):
    """One file as the info dictionary describes it; `length` in bytes, symlinks and dirs are 0."""

    path: tuple[bytes, ...]
    length: int
    root: bytes | None = None
    attributes: bytes = b""
    symlink: tuple[bytes, ...] | None = None
    pad: bool = False


def v1_files(info: dict[bytes, Any], name: bytes) -> tuple[list[RawFile], bool]:
    """The files in the order of the v1 piece space, and whether the torrent is a single file."""
    entries = info.get(b"files")
    if entries is None:
        if b"length" not in info:
            raise MetainfoError("the info dictionary has neither length nor files")
        return [_v1_file(info, (name,))], True
    if not isinstance(entries, list) or not entries:
        raise MetainfoError("the list of files is empty or no list")
    if len(entries) > MAX_FILES:
        raise MetainfoError(f"{len(entries)} files, more than the {MAX_FILES} allowed")
    files = []
    for entry in entries:
        if type(entry) is not dict:
            raise MetainfoError("an entry in the list of files is no dictionary")
        path = entry.get(b"path.utf-8") or entry.get(b"path")
        files.append(_v1_file(entry, None if path is None else _checked_path(path)))
    return files, False


def v2_files(tree: Any) -> list[RawFile]:
    """The files of a file tree in its order, which is the order of the v2 piece space."""
    if type(tree) is not dict:
        raise MetainfoError("the file tree is no dictionary")
    files: list[RawFile] = []
    stack: list[tuple[Iterator[Any], tuple[bytes, ...]]] = [(iter(tree.items()), ())]
    while stack:
        items, folder = stack[-1]
        for key, node in items:
            if type(node) is not dict or not key:
                raise MetainfoError(
                    "the file tree has an entry that is neither a file nor a folder"
                )
            path = (*folder, key)
            if b"" in node:
                files.append(_v2_file(node, path))
                continue
            if len(path) > MAX_PATH_DEPTH:
                raise MetainfoError("the file tree is nested too deep")
            stack.append((iter(node.items()), path))
            break
        else:
            stack.pop()
    if not files or len(files) > MAX_FILES:
        raise MetainfoError(f"a file tree of {len(files)} files, 1 to {MAX_FILES} are allowed")
    return files


def joined(v1: list[RawFile], v2: list[RawFile], piece_length: int) -> list[RawFile]:
    """The v1 view of a hybrid with each file's Merkle root from the v2 view.

    Raises MetainfoError unless both describe the same data: equal names, lengths and order, every
    file at the start of a piece (BEP 52, "Upgrade Path"). A pad after the last file may be there.
    """
    roots = iter([file for file in v2 if file.length])
    merged, offset, expected = [], 0, 0
    for file in v1:
        if file.length and not file.pad:
            twin = next(roots, None)
            if twin is None or (twin.path, twin.length, expected) != (
                file.path,
                file.length,
                offset,
            ):
                raise MetainfoError(
                    "the v1 and v2 parts of this hybrid torrent describe other files"
                )
            file = file._replace(root=twin.root)
            expected += -(-file.length // piece_length) * piece_length
        merged.append(file)
        offset += file.length
    empty_v1 = {file.path for file in v1 if not (file.length or file.pad or file.symlink)}
    empty_v2 = {file.path for file in v2 if not (file.length or file.symlink)}
    if next(roots, None) is not None or offset > expected or empty_v1 != empty_v2:
        raise MetainfoError("the v1 and v2 parts of this hybrid torrent describe other files")
    return merged


def _v1_file(entry: dict[bytes, Any], path: tuple[bytes, ...] | None) -> RawFile:
    attributes = entry.get(b"attr", b"")
    if not attributes or type(attributes) is not bytes:
        if path is None:
            raise MetainfoError("a file has no path")
        pad = path[-1].startswith(b"_____padding_file_")  # as BitComet named them before BEP 47
        return RawFile(path, _length(entry), pad=pad)
    if b"p" in attributes:
        length = _length(entry)
        return RawFile((b".pad", b"%d" % length), length, None, attributes, None, True)
    if path is None:
        raise MetainfoError("a file has no path")
    if b"l" in attributes and b"symlink path" in entry:
        return RawFile(path, 0, None, attributes, _checked_path(entry[b"symlink path"]))
    return RawFile(path, _length(entry), None, attributes)


def _v2_file(node: dict[bytes, Any], path: tuple[bytes, ...]) -> RawFile:
    entry = node[b""]
    if len(node) != 1 or type(entry) is not dict:
        raise MetainfoError("an entry of the file tree is a file and a folder at once")
    attributes = entry.get(b"attr", b"")
    if type(attributes) is not bytes:
        attributes = b""
    if b"p" in attributes:
        raise MetainfoError("a v2 file tree cannot have pad files")
    if b"l" in attributes and b"symlink path" in entry:
        return RawFile(path, 0, None, attributes, _checked_path(entry[b"symlink path"]))
    length = _length(entry)
    root = entry.get(b"pieces root") if length else None
    if length and (type(root) is not bytes or len(root) != ROOT_SIZE or not any(root)):
        raise MetainfoError("a file in the file tree has no pieces root")
    return RawFile(path, length, root, attributes)


def _length(entry: dict[bytes, Any]) -> int:
    length = entry.get(b"length")
    if type(length) is not int or not 0 <= length <= MAX_LENGTH:
        raise MetainfoError("a file's length is missing or out of range")
    return length


def _checked_path(path: Any) -> tuple[bytes, ...]:
    if type(path) is not list or not 0 < len(path) <= MAX_PATH_DEPTH:
        raise MetainfoError("a file's path is empty, too deep or no list")
    for part in path:
        if type(part) is not bytes:
            raise MetainfoError("a file's path holds something else than names")
    return tuple(path)
