"""Fuzz target: a form of the qBittorrent Web API. Only ApiError may come out of the parsers.

The first line is the Content-Type, what follows is the body.
"""

from __future__ import annotations

from p2pd.control.qbittorrent.forms import FormInParts, boundary_of, parse_fields
from p2pd.control.qbittorrent.refusals import ApiError

_PART = b'--b\r\nContent-Disposition: form-data; name="torrents"; filename="a"\r\n\r\nd4:infoe\r\n'

SEEDS: list[bytes] = [
    b"application/x-www-form-urlencoded\nusername=p2pd&password=%C3%BC+%00",
    b"multipart/form-data; boundary=b\n" + _PART + b"--b--\r\n",
    b'multipart/form-data; boundary="b"\n--b\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n',
    b"multipart/form-data; boundary*=utf-8''b%ff\n--b--",
    b"multipart/form-data\nhashes=all",
]


def fuzz(data: bytes) -> None:
    """Parse one form, in one go and byte by byte."""
    kind, _, body = data.partition(b"\n")
    try:
        boundary = boundary_of(kind.decode("latin-1"))
        if boundary is None:
            parse_fields(body)
            return
        parts, slow = FormInParts(boundary), FormInParts(boundary)
        parts.feed(body)
        form = parts.finish()
        for position in range(len(body)):
            slow.feed(body[position : position + 1])
        assert slow.finish() == form
    except ApiError as error:
        str(error)
