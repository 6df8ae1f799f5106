"""Where p2pd has to look for files that another program put somewhere.

p2pd keeps a torrent's files under the names that are in the torrent. What was renamed can be found
only if a folder can be named below which all of them have those names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from p2pd.formats.file_layout import FileLayout
from p2pd.formats.foreign.model import ForeignTorrent

SUFFIXES = (".part", ".!qB")
"""What programs put at the end of the names of files that are not complete."""


def place(found: ForeignTorrent, layout: FileLayout, paths: Sequence[str]) -> None:
    """Set the folder of a torrent whose files have these paths, absolute or below its folder.

    Empty strings are files with the names that the torrent gives them.
    """
    ours = ["/".join(file.path) for file in layout.files if not file.pad]
    if len(paths) != len(ours):
        found.obstacle = "it is not known which of its files were renamed"
        return
    folder: str | None = None
    for own, given in zip(ours, paths, strict=True):
        path = posixpath.normpath(posixpath.join(found.folder, given or own))
        path = _complete_name(found, path, own)
        if not path.endswith("/" + own) or folder not in (None, path[: -len(own) - 1] or "/"):
            found.obstacle = (
                f"{own} is kept as {path} there, and p2pd cannot keep renamed files yet"
            )
            return
        folder = path[: -len(own) - 1] or "/"
    found.folder = folder or found.folder


def _complete_name(found: ForeignTorrent, path: str, own: str) -> str:
    """The path that the file has when it is complete."""
    for suffix in SUFFIXES:
        if path.endswith("/" + own + suffix):
            found.partial_suffix = suffix
            return path[: -len(suffix)]
    return path
