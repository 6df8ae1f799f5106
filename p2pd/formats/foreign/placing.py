"""Where p2pd has to look for files that another program put somewhere, and what they are called.

A folder below which all of them have the names that are in the torrent is taken first; else they
keep the names that they were given there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from p2pd.base.errors import FormatError
from p2pd.formats.file_layout import FileLayout
from p2pd.formats.file_names import names_given
from p2pd.formats.foreign.model import ForeignTorrent

SUFFIXES = (".part", ".!qB")
"""What programs put at the end of the names of files that are not complete."""


def place(found: ForeignTorrent, layout: FileLayout, paths: Sequence[str]) -> None:
    """Set the folder of a torrent whose files have these paths, absolute or below its folder.

    Empty strings are files with the names that the torrent gives them. Other names are kept.
    """
    ours = ["/".join(file.path) for file in layout.files if not file.pad]
    if len(paths) != len(ours):
        found.obstacle = "it is not known which of its files were renamed"
        return
    there = []
    for own, given in zip(ours, paths, strict=True):
        path = posixpath.normpath(posixpath.join(found.folder, given or own))
        there.append(_complete_name(found, path, own))
    folders = {_folder_of(path, own) for path, own in zip(there, ours, strict=True)}
    folder = folders.pop() if len(folders) == 1 else None
    if folder is not None:
        found.folder = folder
    else:
        _keep_names(found, layout, there)


def _keep_names(found: ForeignTorrent, layout: FileLayout, there: Sequence[str]) -> None:
    folder = found.folder
    if not all(_is_below(path, folder) for path in there):
        folder = posixpath.commonpath([posixpath.dirname(path) for path in there])
    if folder in ("", "/"):
        found.obstacle = f"its files lie in several places: {there[0]} and others"
        return
    names = [posixpath.relpath(path, folder) for path in there]
    try:
        names_given(layout, names)
    except FormatError as problem:
        found.obstacle = f"it was renamed, and p2pd cannot keep that: {problem}"
        return
    found.folder, found.file_names = folder, tuple(names)


def _folder_of(path: str, own: str) -> str | None:
    """The folder below which a file has the name that is in the torrent."""
    return (path[: -len(own) - 1] or "/") if path.endswith("/" + own) else None


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _complete_name(found: ForeignTorrent, path: str, own: str) -> str:
    """The path that the file has when it is complete."""
    for suffix in SUFFIXES:
        if path.endswith(suffix) and not own.endswith(suffix):
            found.partial_suffix = suffix
            return path[: -len(suffix)]
    return path
