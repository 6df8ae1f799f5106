"""The extension protocol (BEP 10): its handshake, and which message id means which extension.

What a peer writes in its handshake is only a hint, so a value of a wrong type or size is left out,
not refused. What the extensions' messages say is not known here.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any, Mapping

from p2pd.base.addresses import canonical_host
from p2pd.base.errors import FormatError
from p2pd.formats import bencode
from p2pd.protocols.peerwire.messages import Extended

HANDSHAKE_ID = 0
"""The id of the extension handshake among extended messages."""
MAX_HANDSHAKE = 64 * 1024
MAX_EXTENSIONS = 100
MAX_NAME = 50
MAX_VERSION = 100
MAX_REQUESTS = 1_000_000
MAX_METADATA = 32 * 1024 * 1024
"""Bytes of the largest metadata that anyone may claim to have (BEP 9)."""


@dataclass(frozen=True, slots=True)
class ExtensionHandshake:
    """What one side tells of itself (BEP 10; metadata_size BEP 9, upload_only BEP 21;
    prefers_encryption is `e`, which BEP 11 has a flag for).

    `messages` maps an extension's name to the id under which its sender wants to get it; id 0
    switches it off. `your_ip` is the receiver's address as the sender sees it, `ipv4` and `ipv6`
    the sender's own, as text. None is what was not said: a later handshake tells only changes.
    """

    messages: dict[str, int] = field(default_factory=dict)
    version: str | None = None
    port: int | None = None
    reqq: int | None = None
    your_ip: str | None = None
    ipv4: str | None = None
    ipv6: str | None = None
    metadata_size: int | None = None
    upload_only: bool | None = None
    prefers_encryption: bool | None = None

    def encode(self) -> bytes:
        """The payload of the extended message with id 0."""
        told = {
            b"e": None if self.prefers_encryption is None else int(self.prefers_encryption),
            b"m": {name.encode(): id_ for name, id_ in self.messages.items()},
            b"ipv4": _packed(self.ipv4),
            b"ipv6": _packed(self.ipv6),
            b"metadata_size": self.metadata_size or None,
            b"p": self.port or None,
            b"reqq": self.reqq,
            b"upload_only": None if self.upload_only is None else int(self.upload_only),
            b"v": self.version.encode() if self.version else None,
            b"yourip": _packed(self.your_ip),
        }
        return bencode.encode({key: value for key, value in told.items() if value is not None})

    @classmethod
    def parse(cls, payload: bytes) -> ExtensionHandshake:
        """Read a payload. Raises FormatError when it is no bencoded dictionary, or too long."""
        if len(payload) > MAX_HANDSHAKE:
            raise FormatError(f"the extension handshake has {len(payload)} bytes")
        told = bencode.decode(payload, strict_order=False)
        if not isinstance(told, dict):
            raise FormatError("the extension handshake is not a dictionary")
        return cls(
            messages=_ids(told.get(b"m")),
            version=_printable(told.get(b"v")),
            port=_number(told.get(b"p"), 65_535),
            reqq=_number(told.get(b"reqq"), MAX_REQUESTS),
            your_ip=_address(told.get(b"yourip"), (4, 16)),
            ipv4=_address(told.get(b"ipv4"), (4,)),
            ipv6=_address(told.get(b"ipv6"), (16,)),
            metadata_size=_number(told.get(b"metadata_size"), MAX_METADATA),
            upload_only=_flag(told.get(b"upload_only")),
            prefers_encryption=_flag(told.get(b"e")),
        )


class ExtensionRegistry:
    """The two numberings of one connection: ours for what we get, the peer's for what it gets."""

    __slots__ = ("remote", "_names")

    def __init__(self, names: Mapping[int, str]) -> None:
        """`names` are ours, from `names_by_id`: the same mapping for all connections."""
        self.remote: dict[str, int] = {}
        self._names = names

    def learn(self, handshake: ExtensionHandshake) -> None:
        """Take the peer's ids. A later handshake adds to them, and id 0 switches one off."""
        for name, id_ in handshake.messages.items():
            if not id_:
                self.remote.pop(name, None)
            elif name in self.remote or len(self.remote) < MAX_EXTENSIONS:
                self.remote[name] = id_

    def name_of(self, id_: int) -> str | None:
        """The extension that a message from the peer belongs to; None if we did not offer it."""
        return self._names.get(id_)

    def speaks(self, name: str) -> bool:
        """Whether the peer takes messages of this extension."""
        return name in self.remote

    def message(self, name: str, payload: bytes) -> Extended | None:
        """A message to the peer; None if it does not speak this extension."""
        id_ = self.remote.get(name)
        return None if id_ is None else Extended(id_, payload)


def names_by_id(ids: Mapping[str, int]) -> dict[int, str]:
    """Our numbering the other way round: the ids must differ, from 1 to 255; else ValueError."""
    names = {id_: name for name, id_ in ids.items()}
    if len(names) != len(ids) or not all(0 < id_ < 256 for id_ in names):
        raise ValueError("extension ids must differ and lie in 1..255")
    return names


def _ids(value: Any) -> dict[str, int]:
    ids: dict[str, int] = {}
    for name, id_ in value.items() if isinstance(value, dict) else ():
        text = _name(name)
        if text and len(ids) < MAX_EXTENSIONS and isinstance(id_, int) and 0 <= id_ < 256:
            ids[text] = id_
    return ids


def _name(raw: bytes) -> str:
    """An extension's name; empty for what cannot be one that anybody speaks."""
    text = raw.decode("utf-8", "ignore") if len(raw) <= MAX_NAME else ""
    return text if text.encode() == raw else ""


def _number(value: Any, largest: int) -> int | None:
    return value if isinstance(value, int) and 0 < value <= largest else None


def _flag(value: Any) -> bool | None:
    return value != 0 if isinstance(value, int) else None


def _printable(value: Any) -> str | None:
    """Text for people's eyes and logs: cut, and without control characters."""
    if not isinstance(value, bytes):
        return None
    text = value[:MAX_VERSION].decode("utf-8", "replace")
    return "".join(character for character in text if character.isprintable()).strip() or None


def _address(value: Any, sizes: tuple[int, ...]) -> str | None:
    if not isinstance(value, bytes) or len(value) not in sizes:
        return None
    return canonical_host(str(ipaddress.ip_address(value)))


def _packed(host: str | None) -> bytes | None:
    return None if host is None else ipaddress.ip_address(host).packed
