"""upload_only (BEP 21): the sender downloads no more, or does again."""

from __future__ import annotations

from p2pd.base.errors import FormatError


def encode_upload_only(upload_only: bool) -> bytes:
    """The payload of the message."""
    return b"\x01" if upload_only else b"\x00"


def parse_upload_only(payload: bytes) -> bool:
    """Whether the sender only uploads. Raises FormatError."""
    if len(payload) != 1:
        raise FormatError(f"an upload-only message of {len(payload)} bytes")
    return payload != b"\x00"
