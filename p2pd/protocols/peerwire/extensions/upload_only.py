"""The upload_only message (BEP 21): the sender downloads no more, or does again.

BEP 21 has it as a key of the extension handshake; as a message it can follow at any time.
"""

from __future__ import annotations

from p2pd.base.errors import FormatError

NAME = "upload_only"


def encode_upload_only(upload_only: bool) -> bytes:
    """The payload of the message: one byte."""
    return b"\x01" if upload_only else b"\x00"


def parse_upload_only(payload: bytes) -> bool:
    """Whether the sender only uploads. Raises FormatError."""
    if len(payload) != 1:
        raise FormatError(f"an upload-only message has 1 byte, not {len(payload)}")
    return payload != b"\x00"
