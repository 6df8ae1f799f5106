"""Where a web seed has each file of a torrent (BEP 19, "Metadata Extension").

The URL of a torrent of one file is that of the file, or of the folder that it lies in if it ends
with a slash. That of several files is the folder in which theirs is. Names are those of the
torrent, byte for byte: what they are called on our disk is nobody else's business.
"""

from __future__ import annotations

from urllib.parse import quote

from p2pd.formats.metainfo import Metainfo

NOWHERE = (b"", b".", b"..")
"""Names that lead somewhere else in a URL."""


def file_url(base: str, metainfo: Metainfo, index: int) -> str | None:
    """The URL of a file, by its place in `metainfo.files`.

    None: its name cannot stand in a URL.
    """
    base = base.partition("#")[0]
    path = metainfo.raw_path(index)
    if metainfo.single_file:
        if not base.endswith("/"):
            return base
    else:
        base += "" if base.endswith("/") else "/"
        path = (metainfo.raw_name, *path)
    if any(part in NOWHERE for part in path):
        return None
    return base + "/".join(quote(part, safe="") for part in path)
