"""Magnet links that name an owner's key instead of a torrent (BEP 46, ``xs=urn:btpk:``).

Which torrent is meant the owner says in the DHT, and may say anew; nothing is asked there here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from p2pd.base.errors import FormatError
from p2pd.base.ids import InfoHashes
from p2pd.formats.magnet import Magnet, MagnetError, link_parameters, parse_magnet

KEY_SIZE = 32
MAX_SALT_SIZE = 64
_TOPIC = "urn:btpk:"
_NO_TORRENT = InfoHashes(bytes(20))


@dataclass(frozen=True, slots=True)
class MutableLink:
    """Whose torrent is meant: the owner's ed25519 key, and the salt that tells theirs apart.

    `torrent` is which one it was when the link was written, if it says that; `rest` is what else it
    says (trackers, web seeds, a name), whose info-hash means nothing.
    """

    public_key: bytes
    salt: bytes = b""
    torrent: InfoHashes | None = None
    rest: Magnet = field(default_factory=lambda: Magnet(_NO_TORRENT))

    def to_uri(self) -> str:
        """The link as text, of the key alone."""
        salt = f"&s={self.salt.hex()}" if self.salt else ""
        return f"magnet:?xs={_TOPIC}{self.public_key.hex()}{salt}"

    def magnet_for(self, torrent: InfoHashes) -> str:
        """The link of one torrent of the owner, with what else is said here."""
        return replace(self.rest, info_hashes=torrent).to_uri()


def parse_mutable_link(uri: str) -> MutableLink | None:
    """Read such a link; None if it is of another kind. Raises MagnetError when it is wrong."""
    values = link_parameters(uri)
    topics = [topic.strip().lower() for topic in values.get("xs", [])]
    keys = {topic.removeprefix(_TOPIC) for topic in topics if topic.startswith(_TOPIC)}
    if not keys:
        return None
    if len(keys) > 1:
        raise MagnetError("the magnet link names more than one owner")
    key, salt = _hex(keys.pop()), _hex(values.get("s", [""])[0])
    if key is None or len(key) != KEY_SIZE:
        raise MagnetError(f"the btpk in the magnet link is not a key of {2 * KEY_SIZE} hex digits")
    if salt is None or len(salt) > MAX_SALT_SIZE:
        raise MagnetError(f"the salt in the magnet link is not hex of {MAX_SALT_SIZE} bytes")
    try:
        found = parse_magnet(uri)
    except FormatError:
        return MutableLink(key, salt, None, _rest(uri))
    return MutableLink(key, salt, found.info_hashes, _without_torrent(found))


def _rest(uri: str) -> Magnet:
    """What a link says that names no torrent: it is read as if it named one."""
    prefix, _, query = uri.strip().partition("?")
    kept = [part for part in query.split("&") if not re.match(r"\s*xt(\.|\s*=)", part, re.I)]
    link = "&".join((f"{prefix}?xt=urn:btih:{'0' * 40}", *kept))
    return _without_torrent(parse_magnet(link))


def _without_torrent(magnet: Magnet) -> Magnet:
    return replace(magnet, info_hashes=_NO_TORRENT, select_only=None, length=None)


def _hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if re.fullmatch(r"([0-9a-fA-F]{2})*", text) else None
