"""The extension handshake (BEP 10): which extensions a peer speaks, and under which ids.

What a peer writes in it is only a hint, so a value of a wrong type is left out, not refused.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from p2pd.base.errors import FormatError
from p2pd.formats import bencode

MAX_HANDSHAKE = 64 * 1024
MAX_EXTENSIONS = 100
MAX_VERSION = 100


@dataclass(frozen=True, slots=True)
class ExtensionHandshake:
    """What the two sides tell each other. `messages` maps an extension's name to the id under
    which its sender wants to get it; id 0 switches it off. None and empty values are left out."""

    messages: dict[str, int] = field(default_factory=dict)
    version: str | None = None
    port: int | None = None
    reqq: int | None = None
    your_ip: str | None = None
    metadata_size: int | None = None
    upload_only: bool = False

    def encode(self) -> bytes:
        """The payload of the message with id 0."""
        told: dict[bytes, Any] = {
            b"m": {name.encode(): id_ for name, id_ in sorted(self.messages.items())}
        }
        for key, value in (
            (b"metadata_size", self.metadata_size),
            (b"p", self.port),
            (b"reqq", self.reqq),
            (b"upload_only", 1 if self.upload_only else None),
            (b"v", self.version.encode() if self.version else None),
            (b"yourip", ipaddress.ip_address(self.your_ip).packed if self.your_ip else None),
        ):
            if value:
                told[key] = value
        return bencode.encode(told)

    @classmethod
    def parse(cls, payload: bytes) -> ExtensionHandshake:
        """Read a payload. Raises FormatError when it is no dictionary at all."""
        if len(payload) > MAX_HANDSHAKE:
            raise FormatError(f"an extension handshake of {len(payload)} bytes")
        told = bencode.decode(payload, strict_order=False)
        if not isinstance(told, dict):
            raise FormatError("an extension handshake that is no dictionary")
        version = told.get(b"v")
        return cls(
            messages=_ids(told.get(b"m")),
            version=_printable(version) if isinstance(version, bytes) else None,
            port=_number(told.get(b"p"), 65_535),
            reqq=_number(told.get(b"reqq"), 1_000_000),
            your_ip=_address(told.get(b"yourip")),
            metadata_size=_number(told.get(b"metadata_size"), 2**31),
            upload_only=_number(told.get(b"upload_only"), 2**31) is not None,
        )


def _ids(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    ids = {}
    for name, id_ in list(value.items())[:MAX_EXTENSIONS]:
        if isinstance(id_, int) and 0 <= id_ <= 255 and len(name) <= 50:
            ids[name.decode("utf-8", "replace")] = id_
    return ids


def _number(value: Any, largest: int) -> int | None:
    return value if isinstance(value, int) and 0 < value <= largest else None


def _printable(raw: bytes) -> str:
    text = raw[:MAX_VERSION].decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable())


def _address(value: Any) -> str | None:
    if not isinstance(value, bytes) or len(value) not in (4, 16):
        return None
    return str(ipaddress.ip_address(value))
