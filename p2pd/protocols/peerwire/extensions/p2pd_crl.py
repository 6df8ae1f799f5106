"""The p2pd_crl messages, an extension of p2pd's own (BEP 10): which revocation list a peer has.

Peers of a torrent that is private to a CA say which list of that CA they have (`ListHeld`: on
connecting, and when they got a newer one), ask for one that is newer than theirs (`ListWanted`),
and send it (`ListSent`). A message is a bencoded dictionary with `msg_type` 0, 1 or 2; a list comes
in DER, right behind it. Lists are ordered by their number (RFC 5280, section 5.2.3) and, among
equals, by when they were made, in Unix seconds; both are 0 where there is no list. Unknown keys and
types mean nothing. What is in a list, and whether it is to be believed, is not known here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from p2pd.base.errors import FormatError
from p2pd.formats import bencode

NAME = "p2pd_crl"
MAX_HEADER = 512
"""Bytes in the longest dictionary of a message; three small keys need 70."""
MAX_LIST = 704 * 1024
"""Bytes of the longest list; messages may have a MiB."""
LARGEST = 2**63 - 1
_HELD, _WANTED, _SENT = 0, 1, 2


class ListVersion(NamedTuple):
    """What lists of one CA are ordered by: the number of a list, and when it was made."""

    number: int = 0
    made_at: int = 0


NO_LIST = ListVersion()


class ListHeld(NamedTuple):
    """The sender has this list."""

    version: ListVersion

    def encode(self) -> bytes:
        """The payload of the extended message."""
        return _header(_HELD, self.version)


class ListWanted(NamedTuple):
    """The sender wants the list that its receiver says to have."""

    def encode(self) -> bytes:
        """The payload of the extended message."""
        return bencode.encode({b"msg_type": _WANTED})


class ListSent(NamedTuple):
    """A list, in DER."""

    version: ListVersion
    der: bytes

    def encode(self) -> bytes:
        """The payload of the extended message: a dictionary, and the list right behind it."""
        return _header(_SENT, self.version) + self.der


CrlMessage = ListHeld | ListWanted | ListSent


def parse(payload: bytes) -> CrlMessage | None:
    """Read a message; None for a type that is not known here. Raises FormatError."""
    if len(payload) > MAX_HEADER + MAX_LIST:
        raise FormatError(f"a message of {len(payload)} bytes about revocation lists is too long")
    header, end = bencode.decode_prefix(payload[:MAX_HEADER])
    if not isinstance(header, dict):
        raise FormatError("the message about revocation lists is not a dictionary")
    kind = header.get(b"msg_type")
    if kind == _HELD:
        return ListHeld(_version(header))
    if kind == _WANTED:
        return ListWanted()
    if kind == _SENT:
        return _sent(header, payload[end:])
    if not isinstance(kind, int):
        raise FormatError("the message about revocation lists does not say its type")
    return None


def _sent(header: dict[bytes, Any], der: bytes) -> ListSent:
    version = _version(header)
    if not der or len(der) > MAX_LIST or not version.number:
        raise FormatError("a revocation list is empty, too long or without a number")
    return ListSent(version, bytes(der))


def _version(header: dict[bytes, Any]) -> ListVersion:
    return ListVersion(_number(header, b"number"), _number(header, b"made"))


def _number(header: dict[bytes, Any], key: bytes) -> int:
    value = header.get(key)
    if not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise FormatError(f"the message about revocation lists has no valid {key.decode()}")
    return value


def _header(kind: int, version: ListVersion) -> bytes:
    return bencode.encode({b"made": version.made_at, b"msg_type": kind, b"number": version.number})
